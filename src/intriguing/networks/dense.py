"""Networks of dense layers: softmax regression and fully connected ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import nn

from intriguing.errors import ModelError
from intriguing.networks.initialisation import glorot_linear

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


def softmax(input_shape: Sequence[int], classes: int) -> nn.Sequential:
    """No hidden layer: the paper's FC10."""
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), classes))


def fully_connected(
    input_shape: Sequence[int],
    classes: int,
    *,
    hidden: Sequence[int],
    activation: str = "sigmoid",
    dropout: float = 0.0,
) -> nn.Sequential:
    """Hidden dense layers under a linear one: the paper's FC100-100-10 and FC200-200-10.

    Parameters
    ----------
    input_shape : tuple of int
        (C, H, W).
    classes : int
    hidden : sequence of int
        Sizes of the hidden layers.
    activation : {"sigmoid", "tanh", "relu"}
    dropout : float
        Share of the units of each hidden layer to leave out in training.

    Raises
    ------
    ModelError
        If the activation is unknown, a size is not positive or the share is not below 1.
    """
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ModelError(f"unknown activation {activation!r}: choose one of {known}")
    if not hidden or min(hidden) < 1:
        raise ModelError(f"hidden must list at least one positive layer size, not {hidden!r}")
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout is {dropout}: give a number of at least 0 and less than 1")
    # Glorot's variance, times 4 for the sigmoid, whose slope at 0 is 1/4 (Glorot & Bengio 2010)
    gain = 4.0 if activation == "sigmoid" else 1.0
    layers: list[nn.Module] = [nn.Flatten()]
    sizes = [math.prod(input_shape), *hidden]
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [glorot_linear(fan_in, fan_out, gain), ACTIVATIONS[activation]()]
        # none without it: the names of the weights stay as they are
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, glorot_linear(sizes[-1], classes, 1.0))
