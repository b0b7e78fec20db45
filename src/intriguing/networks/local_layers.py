"""Layers of Le et al. 2012: untied local filters, L2 pooling and local contrast normalisation.

Le et al., *Building high-level features using large scale unsupervised learning* (ICML 2012,
arXiv 1112.6209), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from intriguing.errors import ModelError


def apply_local(
    images: torch.Tensor, weight: torch.Tensor, stride: tuple[int, int]
) -> torch.Tensor:
    """A local layer: every output position has a kernel of its own.

    Parameters
    ----------
    images : Tensor (B, C, H, W)
    weight : Tensor (oh, ow, D, C, kh, kw)
    stride : tuple of two int

    Returns
    -------
    Tensor (B, D, oh, ow)
    """
    rows, columns, maps = weight.shape[:3]
    # one product for each position: (P, B, n) times (P, n, D)
    codes = local_windows(images, weight.shape[4:], stride) @ _matrices(weight).transpose(1, 2)
    return codes.view(rows, columns, -1, maps).permute(2, 3, 0, 1)


def transpose_local(
    codes: torch.Tensor, weight: torch.Tensor, stride: tuple[int, int], size: Sequence[int]
) -> torch.Tensor:
    """The transposed map of `apply_local`: (B, D, oh, ow) to (B, C, H, W), with size (H, W)."""
    windows = codes.permute(2, 3, 0, 1).flatten(0, 1) @ _matrices(weight)
    return F.fold(windows.permute(1, 2, 0), size, tuple(weight.shape[4:]), stride=stride)


def local_windows(
    images: torch.Tensor, kernel_size: Sequence[int], stride: tuple[int, int]
) -> torch.Tensor:
    """What each position sees: (B, C, H, W) to (positions, B, C * kh * kw)."""
    # one copy; torch's im2col would need a second one for this order
    windows = images.unfold(2, kernel_size[0], stride[0]).unfold(3, kernel_size[1], stride[1])
    return windows.permute(2, 3, 0, 1, 4, 5).flatten(0, 1).flatten(2)


def _matrices(weight: torch.Tensor) -> torch.Tensor:
    return weight.flatten(3).flatten(0, 1)


class LocallyConnected2d(nn.Module):
    """Linear local receptive fields without shared weights, bias or padding.

    Parameters
    ----------
    input_shape : tuple of int
        (C, H, W); every field sees all C maps.
    maps : int
        Filters at each position, D.
    kernel_size, stride : int

    Attributes
    ----------
    weight : Parameter (oh, ow, D, C, kh, kw)
        Filters of length 1 in random directions at first.

    Raises
    ------
    ModelError
        If a number is not positive or the field is larger than the image.
    """

    def __init__(self, input_shape: Sequence[int], maps: int, kernel_size: int, stride: int = 1):
        super().__init__()
        channels, *size = input_shape
        if min(maps, kernel_size, stride) < 1:
            raise ModelError(
                f"maps is {maps}, kernel_size {kernel_size}, stride {stride}: give at least 1"
            )
        if kernel_size > min(size):
            raise ModelError(
                f"a field of {kernel_size} pixels does not fit into {size[0]}x{size[1]}: give a"
                " smaller kernel_size"
            )
        self.input_shape, self.stride = tuple(input_shape), (stride, stride)
        places = [(side - kernel_size) // stride + 1 for side in size]
        weight = torch.randn(*places, maps, channels, kernel_size, kernel_size)
        lengths = torch.linalg.vector_norm(weight, dim=(3, 4, 5), keepdim=True)
        self.weight = nn.Parameter(weight / lengths)

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(D, oh, ow)."""
        rows, columns, maps = self.weight.shape[:3]
        return maps, rows, columns

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return apply_local(images, self.weight, self.stride)

    def extra_repr(self) -> str:
        return f"{self.input_shape} to {self.output_shape}, stride={self.stride[0]}"


class L2Pool2d(nn.Module):
    """sqrt(epsilon + sum of squares) over windows of one map each, smooth everywhere.

    Parameters
    ----------
    kernel_size : int
    stride : int
    epsilon : float
        Positive.

    Raises
    ------
    ModelError
        If a number is not positive.
    """

    def __init__(self, kernel_size: int, stride: int = 1, epsilon: float = 1e-2):
        super().__init__()
        if min(kernel_size, stride) < 1 or not epsilon > 0:
            raise ModelError(
                f"kernel_size is {kernel_size}, stride {stride}, epsilon {epsilon}: give positive"
                " numbers"
            )
        self.kernel_size, self.stride, self.epsilon = kernel_size, stride, epsilon

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        sums = F.avg_pool2d(maps.square(), self.kernel_size, self.stride, divisor_override=1)
        return (sums + self.epsilon).sqrt()

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}, epsilon={self.epsilon}"


class LocalContrastNorm2d(nn.Module):
    """Subtract a local mean, divide by a local deviation.

        v = x - w * x,    y = v / max(floor, sqrt(w * v^2))

    The weights w are a Gaussian of the window's size, the same for all maps, over which the sums
    run as well. Where the window reaches beyond the border, the weights inside are divided by their
    sum: with zeros outside, every border would look like an edge.

    Parameters
    ----------
    kernel_size : int
        Odd.
    floor : float
        Positive; 0.01 in Le et al.
    deviation : float, optional
        Standard deviation of the Gaussian in pixels; a third of the size by default.

    Raises
    ------
    ModelError
        If the size is even or a number is not positive.
    """

    def __init__(self, kernel_size: int, floor: float = 0.01, deviation: float | None = None):
        super().__init__()
        deviation = kernel_size / 3 if deviation is None else deviation
        if kernel_size < 1 or kernel_size % 2 == 0 or not floor > 0 or not deviation > 0:
            raise ModelError(
                f"kernel_size is {kernel_size}, floor {floor}, deviation {deviation}: give an odd"
                " size and positive numbers"
            )
        self.kernel_size, self.floor, self.deviation = kernel_size, floor, deviation

    @property
    def window(self) -> torch.Tensor:
        """Weights inside the map, all maps together: float64 Tensor (kernel_size, kernel_size)."""
        axis = self._weights(self.kernel_size)[self.kernel_size // 2]
        return axis[:, None] * axis

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        rows, columns = (self._weights(side).to(maps) for side in maps.shape[2:])

        def mean(values: torch.Tensor) -> torch.Tensor:
            # a Gaussian is a product of two, and so are the sums of its weights at the borders
            return rows @ values.mean(1, keepdim=True) @ columns.T

        centred = maps - mean(maps)
        return centred / mean(centred.square()).clamp(min=self.floor**2).sqrt()

    def _weights(self, side: int) -> torch.Tensor:
        """Weights along an axis, Tensor (side, side): each row sums to 1."""
        places = torch.arange(side, dtype=torch.float64)
        offsets = places - places[:, None]
        weights = (-0.5 * (offsets / self.deviation).square()).exp()
        weights[offsets.abs() > self.kernel_size // 2] = 0
        return weights / weights.sum(1, keepdim=True)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, floor={self.floor}, deviation={self.deviation:.3g}"
