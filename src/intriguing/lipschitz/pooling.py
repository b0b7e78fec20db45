"""Lipschitz constants of pools, exact in the Euclidean norm.

A maximum, and a root of a sum of squares, changes by no more than its window does, so that a pool
of either kind has the root of how many windows share a pixel as its constant, attained by a pixel
that dominates all of them. Szegedy et al. 2013 call max-pools contractive: that holds where windows
do not overlap. An average is linear and acts along each axis independently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import torch
import torch.nn.functional as F

from intriguing.errors import BoundError
from intriguing.lipschitz.norms import operator_norm
from intriguing.lipschitz.rounding import root_of
from intriguing.lipschitz.windows import Axis, PerAxis, pair


def max_pool_constant(
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    input_size: PerAxis,
    ceil_mode: bool = False,
) -> float:
    """Lipschitz constant of a max-pool.

    Parameters
    ----------
    kernel_size, padding, dilation : int or tuple of two int
    stride : int or tuple of two int, optional
        The kernel size by default.
    input_size : int or tuple of two int
        (H, W).
    ceil_mode : bool
        Whether a last window that lies partly outside counts.

    Returns
    -------
    float
        sqrt(largest number of windows that contain a pixel), over the whole map: 2 for 3x3 windows
        of stride 2, 1 where windows do not overlap.

    Raises
    ------
    BoundError
        If the sizes do not fit each other.

    See Also
    --------
    l2_pool_constant, adaptive_max_pool_constant, average_pool_constant

    Examples
    --------
    >>> max_pool_constant(3, stride=2, input_size=55)
    2.0
    >>> max_pool_constant(2, input_size=8)
    1.0
    """
    axes = _axes(kernel_size, stride, padding, dilation, input_size, ceil_mode)
    return root_of(math.prod(axis.most_windows for axis in axes))


def l2_pool_constant(
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    input_size: PerAxis,
) -> float:
    """Lipschitz constant of the pool sqrt(epsilon + sum of squares), for any epsilon >= 0.

    It is approached by large inputs.

    Parameters
    ----------
    kernel_size, stride, padding, input_size
        As in `max_pool_constant`.

    Returns
    -------
    float

    Raises
    ------
    BoundError
        If the sizes do not fit each other.
    """
    return max_pool_constant(kernel_size, stride=stride, padding=padding, input_size=input_size)


def average_pool_constant(
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    input_size: PerAxis,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    divisor: int | None = None,
) -> float:
    """Operator norm of an average pool, certified from above in float64.

    Parameters
    ----------
    kernel_size, stride, padding, input_size, ceil_mode
        As in `max_pool_constant`.
    count_include_pad : bool
        Whether zeros of the padding count in the average, as in torch.
    divisor : int, optional
        Divide by this instead of the size of the window (divisor_override in torch).

    Returns
    -------
    float
        Product over both axes of the norm of the averages along one; 1/k each for windows of size k
        that do not overlap.

    Raises
    ------
    BoundError
        If the sizes do not fit each other.

    See Also
    --------
    average_pool_interval : The same norm from below and above.
    """
    _, upper = average_pool_interval(
        kernel_size,
        stride=stride,
        padding=padding,
        input_size=input_size,
        count_include_pad=count_include_pad,
        ceil_mode=ceil_mode,
        divisor=divisor,
    )
    return upper


def average_pool_interval(
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    input_size: PerAxis,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    divisor: int | None = None,
) -> tuple[float, float]:
    """`average_pool_constant` from below and above."""
    axes = _axes(kernel_size, stride, padding, 1, input_size, ceil_mode)
    if divisor is not None:
        # torch divides every window by it, including those that the border cuts off
        sums = [_norm_along(axis.size, partial(_sums, axis=axis)) for axis in axes]
        return _product(sums, abs(divisor))
    norms = [
        _norm_along(
            axis.size,
            partial(
                F.avg_pool1d,
                kernel_size=axis.kernel,
                stride=axis.stride,
                padding=axis.before,
                ceil_mode=ceil_mode,
                count_include_pad=count_include_pad,
            ),
        )
        for axis in axes
    ]
    return _product(norms)


def adaptive_average_pool_constant(output_size: PerAxis, *, input_size: PerAxis) -> float:
    """Operator norm of an adaptive average pool, certified from above in float64.

    Parameters
    ----------
    output_size, input_size : int or tuple of two int

    Returns
    -------
    float

    See Also
    --------
    adaptive_average_pool_interval : The same norm from below and above.
    """
    return adaptive_average_pool_interval(output_size, input_size=input_size)[1]


def adaptive_average_pool_interval(
    output_size: PerAxis, *, input_size: PerAxis
) -> tuple[float, float]:
    """`adaptive_average_pool_constant` from below and above."""
    sizes = zip(pair(output_size, "output_size"), pair(input_size, "input_size"), strict=True)
    norms = [
        _norm_along(size, partial(F.adaptive_avg_pool1d, output_size=out)) for out, size in sizes
    ]
    return _product(norms)


def adaptive_max_pool_constant(output_size: PerAxis, *, input_size: PerAxis) -> float:
    """Lipschitz constant of an adaptive max-pool: the root of how many windows share a pixel.

    Parameters
    ----------
    output_size, input_size : int or tuple of two int

    Returns
    -------
    float
    """
    sizes = zip(pair(output_size, "output_size"), pair(input_size, "input_size"), strict=True)
    most = 1
    for out, size in sizes:
        averages = F.adaptive_avg_pool1d(torch.eye(size)[:, None], out)[:, 0]
        most *= int((averages != 0).sum(1).max())
    return root_of(most)


def _axes(
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    dilation: PerAxis,
    input_size: PerAxis,
    ceil_mode: bool,
) -> list[Axis]:
    kernels = pair(kernel_size, "kernel_size")
    strides = kernels if stride is None else pair(stride, "stride")
    paddings, dilations = pair(padding, "padding"), pair(dilation, "dilation")
    sizes = pair(input_size, "input_size")
    axes = []
    for size, k, s, p, d in zip(sizes, kernels, strides, paddings, dilations, strict=True):
        if p > k // 2:
            raise BoundError(f"padding is {p} for windows of {k}: give at most half of it")
        after = p
        if ceil_mode:
            missing = -(size + 2 * p - d * (k - 1) - 1) % s
            last = size + 2 * p - d * (k - 1) - 1 + missing
            # torch drops a last window that starts in the padding
            after = p + missing if last < size + p else p
        axes.append(Axis(size, k, s, d, p, after))
    return axes


def _norm_along(size: int, pool: Callable[[torch.Tensor], torch.Tensor]) -> tuple[float, float]:
    """Norm of a linear pool of rows (N, 1, size) from below and above."""
    rows = pool(torch.eye(size, dtype=torch.float64)[:, None])[:, 0]
    return operator_norm(rows)


def _product(intervals: Iterable[tuple[float, float]], divisor: int = 1) -> tuple[float, float]:
    lower, upper = (math.prod(ends) / divisor for ends in zip(*intervals, strict=True))
    return lower * (1 - 1e-15), upper * (1 + 1e-15)


def _sums(rows: torch.Tensor, axis: Axis) -> torch.Tensor:
    padded = F.pad(rows, (axis.before, axis.after))
    return padded.unfold(2, axis.kernel, axis.stride).sum(3)
