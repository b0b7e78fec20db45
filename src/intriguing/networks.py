"""The networks of the paper, each a `torch.nn.Module` that maps images in [0, 1] to logits."""

import itertools
import math

import torch
from torch import nn

from intriguing.alexnet import krizhevsky, torchvision_alexnet
from intriguing.errors import ModelError

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def build(architecture, input_shape, classes, **options):
    """Build an untrained network.

    Parameters
    ----------
    architecture : str
        ``softmax`` (no hidden layer), ``fully_connected`` (``hidden``: list of layer sizes,
        ``activation``: sigmoid, tanh or relu), ``autoencoder`` (``units``: hidden size; a sparse
        autoencoder's encoder under a softmax layer), ``alexnet`` (``grouped``) or
        ``torchvision_alexnet`` (``weights``); see `intriguing.alexnet` for these.
    input_shape : tuple of int
        (C, H, W).
    classes : int
        Number of logits.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ModelError
        If the architecture or an option is unknown or not usable.
    """
    if architecture not in _BUILDERS:
        known = ", ".join(_BUILDERS)
        raise ModelError(f"unknown architecture {architecture!r}: choose one of {known}")
    try:
        return _BUILDERS[architecture](input_shape, classes, **options)
    except TypeError as error:
        raise ModelError(
            f"architecture {architecture!r} cannot be built with options {options}: {error}"
        ) from error


def dense_layers(model):
    """The layers that the classifier's weight decay applies to, from input to logits."""
    if isinstance(model, Autoencoder):
        return [model.classifier]
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def _softmax(input_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), classes))


def _fully_connected(input_shape, classes, *, hidden, activation="sigmoid"):
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ModelError(f"unknown activation {activation!r}: choose one of {known}")
    if not hidden or min(hidden) < 1:
        raise ModelError(f"hidden must list at least one positive layer size, not {hidden!r}")
    # Glorot's variance, times 4 for the sigmoid, whose slope at 0 is 1/4 (Glorot & Bengio 2010)
    gain = 4.0 if activation == "sigmoid" else 1.0
    layers = [nn.Flatten()]
    sizes = [math.prod(input_shape), *hidden]
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [_linear(fan_in, fan_out, gain), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, _linear(sizes[-1], classes, 1.0))


def _linear(fan_in, fan_out, gain):
    layer = nn.Linear(fan_in, fan_out)
    nn.init.xavier_uniform_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class Autoencoder(nn.Module):
    """A sparse autoencoder's sigmoid code under a softmax layer (the paper's AE400-10).

    The decoder takes part in the unsupervised training only; the logits do not depend on it.
    """

    def __init__(self, input_shape, classes, *, units):
        super().__init__()
        inputs = math.prod(input_shape)
        if units < 1:
            raise ModelError(f"units must be positive, not {units}")
        self.encoder = _linear(inputs, units, 1.0)
        self.decoder = _linear(units, inputs, 1.0)
        self.classifier = nn.Linear(units, classes)

    def encode(self, images):
        """Hidden code in (0, 1), Tensor (B, units)."""
        return torch.sigmoid(self.encoder(images.flatten(1)))

    def decode(self, codes):
        """Reconstruction in (0, 1), Tensor (B, inputs)."""
        return torch.sigmoid(self.decoder(codes))

    def forward(self, images):
        return self.classifier(self.encode(images))


_BUILDERS = {
    "softmax": _softmax,
    "fully_connected": _fully_connected,
    "autoencoder": Autoencoder,
    "alexnet": krizhevsky,
    "torchvision_alexnet": torchvision_alexnet,
}
