"""What other methods say about a convolution: the columns next to our interval.

Kernels are (D, C, kh, kw) in float64, one group; the norm of a convolution with groups is the
largest norm of a group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from intriguing.lipschitz.norms import operator_norm
from intriguing.lipschitz.rounding import UNIT
from intriguing.lipschitz.symbol import Symbol, live_kernel, torus_frequencies
from intriguing.lipschitz.windows import Axis

# squarings of Gram iteration
SQUARINGS = 5
# points an axis of LipBound's grid, for each tap beyond the first
TOEPLITZ_GRID = 8
LARGEST_GRID = 1 << 23


def of_convolution(kernel: torch.Tensor, axes: Sequence[Axis]) -> dict[str, float]:
    """All columns of one group, by name; empty where the padding leaves the methods undefined."""
    if any(axis.mode in ("reflect", "replicate") or _broken_circle(axis) for axis in axes):
        return {}
    found = {name: method(kernel, axes) for name, method in METHODS.items()}
    # a sum over the aliases, whose number is the product of the strides: its factor is one over the
    # root of that number, and the paper prints one over the number
    aliases = math.prod(axis.stride for axis in axes)
    return found | {"paper_as_printed": found["paper"] / math.sqrt(aliases)}


def supremum(kernel: torch.Tensor, axes: Sequence[Axis]) -> float:
    """The paper's bound, corrected: see `Symbol.supremum`."""
    return _symbol(kernel, axes).supremum()


def unfold(kernel: torch.Tensor, axes: Sequence[Axis]) -> float:
    """Norm of the reshaped kernel times the root of how many windows share a pixel."""
    shared = math.prod(axis.most_windows for axis in axes)
    return math.sqrt(shared) * operator_norm(kernel.flatten(1))[1] * (1 + 4 * UNIT)


def article(kernel: torch.Tensor, axes: Sequence[Axis]) -> float:
    """Kernel height times width times the norm of the reshaped kernel."""
    return kernel.shape[2] * kernel.shape[3] * operator_norm(kernel.flatten(1))[1]


def toeplitz(kernel: torch.Tensor, axes: Sequence[Axis]) -> float:
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


def _broken_circle(axis: Axis) -> bool:
    """Whether circular windows are not spaced evenly, once each, around the circle."""
    return axis.mode == "circular" and (axis.size % axis.stride != 0 or axis.most_repeats > 1)


def gram_on_torus(kernel: torch.Tensor, axes: Sequence[Axis]) -> float:
    """Gram iteration at the frequencies of the torus."""
    symbol = _symbol(live_kernel(kernel, axes), axes)
    lengths = [axis.size if axis.mode == "circular" else axis.torus for axis in axes]
    points = tuple(n // axis.stride for n, axis in zip(lengths, axes, strict=True))
    stacks = symbol.at(torus_frequencies(points, (0.0, 0.0)), torch.complex64)
    return max(gram_iteration(stack) for stack in stacks)


def gram_iteration(stack: torch.Tensor) -> float:
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


def _symbol(kernel: torch.Tensor, axes: Sequence[Axis]) -> Symbol:
    return Symbol(kernel, [axis.stride for axis in axes], [axis.dilation for axis in axes])


METHODS: dict[str, Callable[[torch.Tensor, Sequence[Axis]], float]] = {
    "paper": supremum,
    "unfold": unfold,
    "article": article,
    "toeplitz": toeplitz,
    "gram": gram_on_torus,
}
