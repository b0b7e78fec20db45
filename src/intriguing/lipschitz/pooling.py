"""Lipschitz constants of pools, exact in the Euclidean norm.

A maximum, and a root of a sum of squares, changes by no more than its window does, so that a pool
of either kind has the root of how many windows share a pixel as its constant, attained by a pixel
that rules all of them. Szegedy et al. 2013 call max-pools contractive: that holds where windows do
not overlap. An average is linear and acts along each axis by itself.
"""

import math

import torch
import torch.nn.functional as F

from intriguing.errors import BoundError
from intriguing.lipschitz.norms import operator_norm, root_of
from intriguing.lipschitz.windows import Axis, pair


def max_pool_constant(
    kernel_size, *, stride=None, padding=0, dilation=1, input_size, ceil_mode=False
):
    """Lipschitz constant of a max-pool.

    Parameters
    ----------
    kernel_size, padding, dilation : int or tuple of two int
    stride : int or tuple of two int, optional
        The kernel size by default.
    input_size : int or tuple of two int
        (H, W).
    ceil_mode : bool
        A last window that lies partly outside counts.

    Returns
    -------
    float
        sqrt(largest number of windows that contain a pixel), the whole map regarded: 2 for 3x3
        windows of stride 2, 1 where windows do not overlap.

    Raises
    ------
    BoundError
        If the sizes do not fit each other.
    """
    axes = _axes(kernel_size, stride, padding, dilation, input_size, ceil_mode)
    return root_of(math.prod(axis.most_windows for axis in axes))


def l2_pool_constant(kernel_size, *, stride=None, padding=0, input_size):
    """Lipschitz constant of the pool sqrt(epsilon + sum of squares), for any epsilon >= 0.

    Parameters as in `max_pool_constant`. It is approached by large inputs.
    """
    return max_pool_constant(kernel_size, stride=stride, padding=padding, input_size=input_size)


def average_pool_constant(
    kernel_size,
    *,
    stride=None,
    padding=0,
    input_size,
    count_include_pad=True,
    ceil_mode=False,
    divisor=None,
):
    """Operator norm of an average pool, certified from above in float64.

    Parameters
    ----------
    kernel_size, stride, padding, input_size, ceil_mode
        As in `max_pool_constant`.
    count_include_pad : bool
        Zeros of the padding count in the average, as in torch.
    divisor : int, optional
        Divide by this instead of the size of the window (divisor_override in torch).

    Returns
    -------
    float
        Product over both axes of the norm of the averages along one; 1/k each for windows of size k
        that do not overlap.
    """
    options = {"count_include_pad": count_include_pad, "ceil_mode": ceil_mode, "divisor": divisor}
    return average_pool_interval(
        kernel_size, stride=stride, padding=padding, input_size=input_size, **options
    )[1]


def average_pool_interval(
    kernel_size,
    *,
    stride=None,
    padding=0,
    input_size,
    count_include_pad=True,
    ceil_mode=False,
    divisor=None,
):
    """`average_pool_constant` from below and above."""
    axes = _axes(kernel_size, stride, padding, 1, input_size, ceil_mode)
    if divisor is not None:
        # every window of torch's divides by it, those that the border cuts off included
        sums = [_norm_along(axis.size, lambda rows, axis=axis: _sums(rows, axis)) for axis in axes]
        return _product(sums, abs(divisor))
    norms = [
        _norm_along(
            axis.size,
            lambda rows, axis=axis: F.avg_pool1d(
                rows,
                axis.kernel,
                axis.stride,
                axis.before,
                ceil_mode=ceil_mode,
                count_include_pad=count_include_pad,
            ),
        )
        for axis in axes
    ]
    return _product(norms)


def adaptive_average_pool_constant(output_size, *, input_size):
    """Operator norm of an adaptive average pool, certified from above in float64.

    Parameters
    ----------
    output_size, input_size : int or tuple of two int
    """
    return adaptive_average_pool_interval(output_size, input_size=input_size)[1]


def adaptive_average_pool_interval(output_size, *, input_size):
    """`adaptive_average_pool_constant` from below and above."""
    sizes = zip(pair(output_size, "output_size"), pair(input_size, "input_size"), strict=True)
    norms = [
        _norm_along(size, lambda rows, out=out: F.adaptive_avg_pool1d(rows, out))
        for out, size in sizes
    ]
    return _product(norms)


def adaptive_max_pool_constant(output_size, *, input_size):
    """Lipschitz constant of an adaptive max-pool: the root of how many windows share a pixel."""
    sizes = zip(pair(output_size, "output_size"), pair(input_size, "input_size"), strict=True)
    most = 1
    for out, size in sizes:
        averages = F.adaptive_avg_pool1d(torch.eye(size)[:, None], out)[:, 0]
        most *= int((averages != 0).sum(1).max())
    return root_of(most)


def _axes(kernel_size, stride, padding, dilation, input_size, ceil_mode):
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


def _norm_along(size, pool):
    rows = pool(torch.eye(size, dtype=torch.float64)[:, None])[:, 0]
    return operator_norm(rows)


def _product(intervals, divisor=1):
    lower, upper = (math.prod(ends) / divisor for ends in zip(*intervals, strict=True))
    return lower * (1 - 1e-15), upper * (1 + 1e-15)


def _sums(rows, axis):
    padded = F.pad(rows, (axis.before, axis.after))
    return padded.unfold(2, axis.kernel, axis.stride).sum(3)
