"""A small network in the style of AlexNet, for images from 8×8 to some 64×64 pixels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from intriguing.errors import ModelError
from intriguing.networks.convolution import ChannelsLastConv2d
from intriguing.networks.response_norm import ResponseNorm

CHANNELS = (16, 32, 48, 48, 32)
DENSE = (256, 256)
# layers after which AlexNet has an overlapping pool
POOLED = (1, 2, 5)
# a pool is left out where it would leave less
LEAST = 2
# below this an image has no room for kernels of 5
SMALL = 16


def alexnet_style(
    input_shape: Sequence[int],
    classes: int,
    *,
    channels: Sequence[int] = CHANNELS,
    dense: Sequence[int] = DENSE,
    dropout: float = 0.5,
) -> nn.Sequential:
    """AlexNet's sequence of layers at a size that a CPU trains.

    Five rectified convolutions of stride 1 (5×5, 5×5, then 3×3; all 3×3 below 16 pixels), local
    response normalisation after the first two, overlapping 3×3 max-pools of stride 2 after the
    first, second and fifth as long as 2×2 pixels are left, and three dense layers, dropout before
    the first two.

    Parameters
    ----------
    input_shape : tuple
        (C, H, W), at least 8×8.
    classes : int
    channels : sequence of five int
        Number of channels of each convolution.
    dense : sequence of two int
        Number of units of each hidden dense layer.
    dropout : float
        Share of units left out in training.

    Returns
    -------
    torch.nn.Sequential

    Raises
    ------
    ModelError
        If a size does not fit.
    """
    colours, *size = input_shape
    if len(size) != 2 or min(size) < 8:
        raise ModelError(
            f"alexnet_style is given {tuple(input_shape)}: it needs images of at least 8×8"
        )
    if len(channels) != 5 or len(dense) != 2 or min(*channels, *dense) < 1:
        raise ModelError(
            f"alexnet_style has channels {list(channels)} and dense {list(dense)}: give five and"
            " two positive numbers"
        )
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout is {dropout}: give a share from 0 to below 1")
    layers: list[nn.Module] = []
    for number, width in enumerate(channels, start=1):
        kernel = 5 if number <= 2 and min(size) >= SMALL else 3
        layers += [ChannelsLastConv2d(colours, width, kernel, padding=kernel // 2), nn.ReLU()]
        layers += [ResponseNorm()] if number <= 2 else []
        pooled = [(n - 3) // 2 + 1 for n in size]
        if number in POOLED and min(pooled) >= LEAST:
            layers.append(nn.MaxPool2d(3, 2))
            size = pooled
        colours = width
    layers.append(nn.Flatten())
    inputs = colours * size[0] * size[1]
    for width in dense:
        layers += [nn.Dropout(dropout), nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    model = nn.Sequential(*layers, nn.Linear(inputs, classes))
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return model
