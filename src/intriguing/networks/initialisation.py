"""Dense layers as Glorot & Bengio 2010 initialise them."""

from __future__ import annotations

from torch import nn


def glorot_linear(fan_in: int, fan_out: int, gain: float) -> nn.Linear:
    """Weights uniform with Glorot's variance times ``gain`` squared, biases 0."""
    layer = nn.Linear(fan_in, fan_out)
    nn.init.xavier_uniform_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
