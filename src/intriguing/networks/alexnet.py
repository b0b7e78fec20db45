"""AlexNet at full size, for 227×227 images and 1 000 classes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from intriguing.errors import ModelError

# smallest image whose last map still has a pixel
SMALLEST = 67
# of the published initialisation: deviation of weights, layers whose biases are 1
DEVIATION = 0.01
ONES = ("conv2", "conv4", "conv5", "fc6", "fc7")


def krizhevsky(
    input_shape: Sequence[int],
    classes: int,
    *,
    grouped: bool = True,
    initialisation: str = "published",
) -> nn.Sequential:
    """The network of Krizhevsky, Sutskever & Hinton 2012.

    Five convolutions, overlapping 3×3 max-pools of stride 2, local response normalisation after the
    first two, three dense layers; dropout in training. Images of 227×227 make the published sizes
    (the paper says 224, which do not fit its strides).

    Parameters
    ----------
    input_shape : tuple
        (C, H, W).
    classes : int
    grouped : bool
        The second, fourth and fifth convolution in two groups, as on the original's two cards;
        otherwise each sees all channels, as the sizes printed in Szegedy et al. 2013, Table 5, say.
    initialisation : str
        ``published``: deviation 0.01, some biases 1, as in 2012. Before it is trained such a
        network gives all images nearly the same logits; ``he`` (He et al. 2015: variance 2 over the
        inputs of a unit, biases 0) makes logits depend on the image, which attacks need.

    Returns
    -------
    torch.nn.Sequential
        Its layers are named conv1 to conv5 and fc6 to fc8.
    """
    if initialisation not in ("published", "he"):
        raise ModelError(f"initialisation is {initialisation!r}: choose published or he")
    channels, *size = input_shape
    if len(size) != 2 or min(size) < SMALLEST:
        raise ModelError(
            f"alexnet is given {tuple(input_shape)}: it needs images of at least"
            f" {SMALLEST}×{SMALLEST}, 227×227 for the published sizes"
        )
    groups = 2 if grouped else 1
    features: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, 96, 11, stride=4),
        relu1=nn.ReLU(),
        # torch divides alpha by the size
        norm1=nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0),
        pool1=nn.MaxPool2d(3, 2),
        conv2=nn.Conv2d(96, 256, 5, padding=2, groups=groups),
        relu2=nn.ReLU(),
        norm2=nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0),
        pool2=nn.MaxPool2d(3, 2),
        conv3=nn.Conv2d(256, 384, 3, padding=1),
        relu3=nn.ReLU(),
        conv4=nn.Conv2d(384, 384, 3, padding=1, groups=groups),
        relu4=nn.ReLU(),
        conv5=nn.Conv2d(384, 256, 3, padding=1, groups=groups),
        relu5=nn.ReLU(),
        pool5=nn.MaxPool2d(3, 2),
        flatten=nn.Flatten(),
    )
    for step in (4, 2, 2):  # conv1 and the pools after it
        kernel = 11 if step == 4 else 3
        size = [(n - kernel) // step + 1 for n in size]
    size = [(n - 3) // 2 + 1 for n in size]
    dense: OrderedDict[str, nn.Module] = OrderedDict(
        fc6=nn.Linear(256 * size[0] * size[1], 4096),
        relu6=nn.ReLU(),
        drop6=nn.Dropout(),
        fc7=nn.Linear(4096, 4096),
        relu7=nn.ReLU(),
        drop7=nn.Dropout(),
        fc8=nn.Linear(4096, classes),
    )
    model = nn.Sequential(features | dense)
    layers = {n: m for n, m in model.named_children() if isinstance(m, nn.Conv2d | nn.Linear)}
    for name, layer in layers.items():
        if initialisation == "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        else:
            nn.init.normal_(layer.weight, std=DEVIATION)
            nn.init.constant_(layer.bias, 1.0 if name in ONES else 0.0)
    return model
