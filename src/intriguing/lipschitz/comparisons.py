"""What other methods say about a convolution: the columns beside our interval.

Kernels are (D, C, kh, kw) in float64, one group; a norm of groups is the largest of theirs.
"""

import math

import torch

from intriguing.lipschitz.bounds import COMPARISONS
from intriguing.lipschitz.norms import operator_norm
from intriguing.lipschitz.symbol import Symbol, live_kernel, torus_frequencies

NAMES = COMPARISONS
# squarings of Gram iteration
SQUARINGS = 5
# points an axis of LipBound's grid, for each tap beyond the first
TOEPLITZ_GRID = 8
LARGEST_GRID = 1 << 23


def of_convolution(kernel, axes):
    """All columns of one group, by name; None where the padding leaves a method undefined."""
    if any(axis.mode in ("reflect", "replicate") or _broken_circle(axis) for axis in axes):
        return dict.fromkeys(NAMES)
    strides, dilations = [a.stride for a in axes], [a.dilation for a in axes]
    symbol = Symbol(kernel, strides, dilations)
    supremum = symbol.supremum()
    reshaped = operator_norm(kernel.flatten(1))[1]
    return {
        "paper": supremum,
        # a sum over the aliases, of which there are as many as the product of the strides: its
        # factor is one over their root, the paper prints one over their number
        "paper_as_printed": supremum / math.sqrt(math.prod(strides)),
        "unfold": math.sqrt(math.prod(axis.most_windows for axis in axes)) * reshaped,
        "article": kernel.shape[2] * kernel.shape[3] * reshaped,
        "toeplitz": toeplitz(kernel),
        "gram": _gram_on_torus(kernel, axes),
    }


def toeplitz(kernel):
    """LipBound: sqrt(sum over outputs of sup over frequencies of the squared norm of a row).

    Araujo et al. 2021 (arXiv 2006.08391), theorem 3. They take the supremum from a grid of S
    points an axis with the factor 1 / (1 - 2 d / S), d half the kernel; here it is the smaller
    1 / cos(pi (k - 1) / (2 S)) of `Symbol.supremum` for each axis, on a grid as fine.
    """
    points = [max(TOEPLITZ_GRID * (k - 1), 1) for k in kernel.shape[2:]]
    correction = math.prod(
        math.cos(math.pi * (k - 1) / (2 * n)) for k, n in zip(kernel.shape[2:], points, strict=True)
    )
    rows = max(1, LARGEST_GRID // (kernel.shape[1] * math.prod(points)))
    squares = 0.0
    for part in kernel.split(rows):
        spectrum = torch.fft.rfft2(part, s=points)
        squares += spectrum.abs().square().sum(1).flatten(1).amax(1).sum().item()
    return math.sqrt(squares) / correction


def _broken_circle(axis):
    """Whether circular windows do not stand evenly, once each, around the circle."""
    return axis.mode == "circular" and (axis.size % axis.stride != 0 or axis.most_repeats > 1)


def _gram_on_torus(kernel, axes):
    symbol = Symbol(live_kernel(kernel, axes), [a.stride for a in axes], [a.dilation for a in axes])
    lengths = [axis.size if axis.mode == "circular" else axis.torus for axis in axes]
    points = tuple(n // axis.stride for n, axis in zip(lengths, axes, strict=True))
    stacks = symbol.at(torus_frequencies(points, (0.0, 0.0)), torch.complex64)
    return max(gram_iteration(stack) for stack in stacks)


def gram_iteration(stack):
    """Largest norm of a stack of matrices (F, R, C) by Gram iteration (Delattre et al. 2023).

    W <- W* W, rescaled, squares the singular values each time; the Frobenius norm is then close to
    the largest. An upper bound at every step, up to rounding.
    """
    if stack.shape[1] > stack.shape[2]:
        stack = stack.mT
    squared = stack @ stack.mH
    logarithm = torch.zeros(len(squared), dtype=torch.float64)
    for power in range(SQUARINGS + 1):
        norm = torch.linalg.matrix_norm(squared)
        # a symbol of norm zero stays zero
        logarithm += norm.double().log() / 2**power
        squared = squared / norm.clamp(min=1e-30)[:, None, None]
        if power < SQUARINGS:
            squared = squared @ squared
    return (logarithm / 2).exp().amax().item()
