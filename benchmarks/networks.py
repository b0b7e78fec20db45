"""Networks for the benchmarks of the attack, trained here: smooth ones and ones with kinks."""

import itertools

import torch
from torch import nn


def dense(sizes, activation):
    """Dense layers of these sizes with an activation between each two."""
    layers = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def convolutions(shape, classes, activation):
    """16 and 32 5x5 filters with max-pools, then 100 units."""
    size = (shape[1] // 4) * (shape[2] // 4)
    return nn.Sequential(
        *(nn.Conv2d(shape[0], 16, 5, padding=2), activation(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5, padding=2), activation(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(32 * size, 100), activation(), nn.Linear(100, classes)),
    )


class Block(nn.Module):
    """A residual block: two 3x3 convolutions with batch norm."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)),
            *(nn.ReLU(), nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def residual(shape, classes):
    """Three convolutional stages with batch norm, two of them residual blocks."""
    return nn.Sequential(
        *(nn.Conv2d(shape[0], 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(Block(16, 16, 1), Block(16, 32, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, classes)),
    )


def pixels(shape):
    """Number of pixels of an image."""
    return shape[0] * shape[1] * shape[2]


# name: (network of an image's shape and a number of classes, epochs, noise added in training)
NETWORKS = {
    "linear": (lambda s, k: dense([pixels(s), k], nn.Identity), 5, 0.0),
    "sigmoid": (lambda s, k: dense([pixels(s), 100, 100, k], nn.Sigmoid), 15, 0.0),
    "relu": (lambda s, k: dense([pixels(s), 256, 256, k], nn.ReLU), 6, 0.0),
    "max_pool": (lambda s, k: convolutions(s, k, nn.ReLU), 3, 0.0),
    "silu": (lambda s, k: convolutions(s, k, nn.SiLU), 3, 0.0),
    "noise_trained": (lambda s, k: convolutions(s, k, nn.ReLU), 3, 0.3),
    "residual": (residual, 3, 0.0),
}


def trained(name, images, labels, classes):
    """A network by name, trained on these images (N, C, H, W) by Adam from a fixed seed."""
    make, epochs, noise = NETWORKS[name]
    torch.manual_seed(0)
    model = make(images.shape[1:], classes)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).split(128):
            shown = images[chosen]
            if noise:
                shown = (shown + noise * torch.randn_like(shown)).clamp(0, 1)
            loss = nn.functional.cross_entropy(model(shown), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model.eval().requires_grad_(False)
