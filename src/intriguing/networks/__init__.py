"""The networks of the paper, each a `torch.nn.Module` that maps images in [0, 1] to logits."""

import itertools
import math

from torch import nn

from intriguing.errors import ModelError
from intriguing.networks.alexnet import krizhevsky, torchvision_alexnet
from intriguing.networks.alexnet_style import alexnet_style
from intriguing.networks.factory import build_own
from intriguing.networks.initialisation import glorot_linear
from intriguing.networks.quocnet import QuocNet
from intriguing.training.sparse_code import Autoencoder

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def build(architecture, input_shape, classes, **options):
    """Build an untrained network.

    Parameters
    ----------
    architecture : str
        ``softmax`` (no hidden layer), ``fully_connected`` (``hidden``: list of layer sizes,
        ``activation``: sigmoid, tanh or relu), ``autoencoder`` (``units``: hidden size; a sparse
        autoencoder's encoder under a softmax layer), ``alexnet_style`` (see
        `alexnet_style.alexnet_style`), ``quocnet`` (`quocnet.QuocNet`), ``alexnet`` (``grouped``)
        or ``torchvision_alexnet`` (``weights``; see `alexnet` for these two).
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


def from_entry(entry, input_shape, classes):
    """Build what an experiment's entry describes, or the header of a weights file.

    Parameters
    ----------
    entry : dict
        ``architecture`` or ``factory`` (`factory.build_own`), and ``options``.
    """
    if entry.get("factory"):
        return build_own(entry["factory"], input_shape, classes, **entry["options"])
    return build(entry["architecture"], input_shape, classes, **entry["options"])


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
        layers += [glorot_linear(fan_in, fan_out, gain), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, glorot_linear(sizes[-1], classes, 1.0))


_BUILDERS = {
    "softmax": _softmax,
    "fully_connected": _fully_connected,
    "autoencoder": Autoencoder,
    "alexnet_style": alexnet_style,
    "quocnet": QuocNet,
    "alexnet": krizhevsky,
    "torchvision_alexnet": torchvision_alexnet,
}
