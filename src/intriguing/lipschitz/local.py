"""Untied local layers: every output position has a kernel of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from intriguing.errors import BoundError
from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.lanczos import norm_of_map
from intriguing.lipschitz.norms import operator_norm, scaled
from intriguing.lipschitz.rounding import UNIT, outwards
from intriguing.lipschitz.windows import Axis, PerAxis, pair

# smaller side of a matrix that is formed: a few seconds
LARGEST, LARGEST_INPUT = 4096, 1 << 13


def local_bounds(
    weight: torch.Tensor, input_size: PerAxis, *, stride: PerAxis = 1, exact: bool = True
) -> Bounds:
    """Operator norm of a local layer without shared weights and without padding.

    Parameters
    ----------
    weight : Tensor (oh, ow, D, C, kh, kw)
        Kernel of each output position.
    input_size : int or tuple of two int
        (H, W).
    stride : int or tuple of two int
    exact : bool
        Form the matrix where it is small.

    Returns
    -------
    Bounds
        Without ``exact``, ``upper`` is the root of the largest sum, over the windows that see a
        pixel, of the squared norms of their kernels: |W x|^2 is the sum over positions of
        |W_p x_p|^2, and a pixel counts in those of the windows that see it.

    Raises
    ------
    BoundError
        If kernels and sizes do not fit each other.

    See Also
    --------
    intriguing.lipschitz.convolution_bounds : The same kernel at every position.
    """
    if not torch.is_tensor(weight) or weight.ndim != 6:
        raise BoundError(
            "a local layer needs weights (oh, ow, D, C, kh, kw), one kernel for each position"
        )
    strides, sizes = pair(stride, "stride"), pair(input_size, "input_size")
    axes = [Axis(size, k, s) for size, k, s in zip(sizes, weight.shape[4:], strides, strict=True)]
    places = tuple(axis.outputs for axis in axes)
    if places != tuple(weight.shape[:2]):
        raise BoundError(
            f"there are kernels for {tuple(weight.shape[:2])} positions, but windows fit at"
            f" {places}: check input_size and stride"
        )
    weight, factor = scaled(weight)
    if not weight.any():
        return Bounds.exactly(0.0)
    shape = (1, weight.shape[3], *sizes)

    def apply(images: torch.Tensor) -> torch.Tensor:
        return apply_local(images, weight.to(images.dtype), strides)

    inputs, outputs = math.prod(shape), weight[..., 0, 0, 0].numel()
    if exact and min(inputs, outputs) <= LARGEST and inputs <= LARGEST_INPUT:
        unit = torch.eye(inputs, dtype=torch.float64).view(inputs, *shape[1:])
        matrix = torch.cat([apply(part).flatten(1) for part in unit.split(256)])
        return Bounds(*outwards(factor, *operator_norm(matrix)), method="matrix")
    vector = norm_of_map(apply, shape).double()
    attained = (apply(vector).norm() / vector.norm()).item()
    rounding = 4 * max(inputs, outputs) * UNIT * torch.linalg.vector_norm(weight).item()
    interval = outwards(factor, max(0.0, attained - rounding), _of_blocks(weight, axes))
    return Bounds(*interval, method="blocks")


def apply_local(
    images: torch.Tensor, weight: torch.Tensor, strides: tuple[int, int]
) -> torch.Tensor:
    """The local layer as a linear map, written independently of the networks that have such layers.

    Parameters
    ----------
    images : Tensor (B, C, H, W)
    weight : Tensor (oh, ow, D, C, kh, kw)
    strides : tuple of two int

    Returns
    -------
    Tensor (B, D, oh, ow)
    """
    rows, columns, maps = weight.shape[:3]
    windows = images.unfold(2, weight.shape[4], strides[0]).unfold(3, weight.shape[5], strides[1])
    # one product for each position: (P, B, n) times (P, n, D)
    seen = windows.permute(2, 3, 0, 1, 4, 5).flatten(0, 1).flatten(2)
    kernels = weight.flatten(3).flatten(0, 1)
    outputs = seen @ kernels.transpose(1, 2)
    return outputs.view(rows, columns, -1, maps).permute(2, 3, 0, 1)


def _of_blocks(weight: torch.Tensor, axes: Sequence[Axis]) -> float:
    """sqrt(max over pixels of sum over windows that see it of |kernel|^2).

    |W x|^2 = sum over positions p of |W_p x_p|^2 <= sum_p |W_p|^2 |x_p|^2, in which a pixel counts
    once for each window that sees it.
    """
    kernels = weight.flatten(0, 1).flatten(2)
    squares = [operator_norm(kernel)[1] ** 2 for kernel in kernels]
    norms = torch.tensor(squares, dtype=torch.float64).view(weight.shape[:2])
    seen = torch.zeros(axes[0].size, axes[1].size, dtype=torch.float64)
    for row, rows in enumerate(axes[0].sources):
        for column, columns in enumerate(axes[1].sources):
            seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += norms[row, column]
    return seen.amax().sqrt().item() * (1 + 1e-12)
