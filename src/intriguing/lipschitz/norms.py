"""Operator norms of matrices, certified from both sides in float64.

From below: |W v| / |v| for a vector from Lanczos' method is at most the norm, whatever the vector.
From above: if the Cholesky factorisation of T - W'W succeeds, then T - W'W is positive definite up
to a rounding that is bounded (Rump 2006, *Verification of positive definiteness*), so that |W|^2 is
at most T plus that rounding. This costs a fraction of a singular value decomposition, and does not
depend on an iteration having converged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial

import torch

from intriguing.errors import BoundError
from intriguing.lipschitz.lanczos import largest_eigenpair
from intriguing.lipschitz.rounding import UNIT, outwards

# relative distance of T from the estimate, in turn, until the factorisation succeeds
STEPS_ABOVE = (1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1e-1, 1.0)
POWER_STEPS = 8
# matrices of a stack whose largest eigenvalue is computed before they are tested
LOOKED_AT = 3


def scaled(values: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Values in float64 divided by a power of two, so that the largest is between 1 and 2.

    Returns
    -------
    values : float64 Tensor
    factor : float
        The power of two.

    Raises
    ------
    BoundError
        If a value is complex or not finite.
    """
    if values.is_complex():
        raise BoundError("the weights are complex: only real weights have bounds")
    values = values.detach().to(torch.float64)
    if not values.isfinite().all():
        raise BoundError("the weights hold NaN or infinity: train or repair the model first")
    largest = values.abs().amax().item() if values.numel() else 0.0
    if largest == 0:
        return values, 1.0
    exponent = int(torch.frexp(torch.tensor(largest, dtype=torch.float64)).exponent.item()) - 1
    # in two steps, since 2^-exponent itself may overflow
    half = exponent // 2
    return values * 2.0**-half * 2.0 ** (half - exponent), 2.0**exponent


def operator_norm(matrix: torch.Tensor) -> tuple[float, float]:
    """Certified interval of a matrix's largest singular value.

    Parameters
    ----------
    matrix : Tensor (R, C)
        Any floating dtype; computed in float64.

    Returns
    -------
    lower, upper : float
        Within 1e-6 of each other, relative, and mostly within 1e-8.

    Raises
    ------
    BoundError
        If an entry is not finite.
    """
    matrix, factor = scaled(matrix)
    if not matrix.any():
        return 0.0, 0.0
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    # NumPy exploits that the product is symmetric and does half the work
    gram = torch.from_numpy(matrix.cpu().numpy() @ matrix.cpu().numpy().T)
    start = gram.diagonal().clone().sqrt_()
    value, vector = largest_eigenpair(lambda v: gram @ v, start, tolerance=1e-10)
    lower = norm_attained(matrix.T @ vector, vector, matrix)
    size, squares = len(gram), matrix.square().sum().item()
    for above in STEPS_ABOVE:
        level = (1 + above) * value
        if _definite(gram, level).all():
            break
    else:
        level = squares
    rounding = _rounding(size, matrix.shape[1], level, squares)
    return outwards(factor, lower, (level + rounding) ** 0.5 * (1 + 4 * UNIT))


def norm_attained(image: torch.Tensor, vector: torch.Tensor, matrix: torch.Tensor) -> float:
    """|W v| / |v| minus what rounding may have added, at least 0.

    Parameters
    ----------
    image : Tensor (R,)
        W v.
    vector : Tensor (C,)
        v.
    matrix : Tensor (R, C) or (C, R)
        W, for its size and magnitude.
    """
    length = max(matrix.shape)
    rounding = 2 * length * UNIT * torch.linalg.vector_norm(matrix).item()
    attained = torch.linalg.vector_norm(image) / torch.linalg.vector_norm(vector)
    return max(0.0, attained.item() * (1 - 4 * length * UNIT) - rounding)


def largest_norm(
    chunks: Iterable[torch.Tensor], exactness: float = 1e-6, error: float = 0.0
) -> float:
    """Upper bound of the largest singular value of all matrices of some stacks.

    Parameters
    ----------
    chunks : iterable of Tensor (F, R, C)
        Real or complex double.
    exactness : float
        How far the bound may lie above the true maximum, relative, beyond rounding.
    error : float
        Bound on the norm of the error of each matrix.

    Returns
    -------
    float
    """
    level, rounding = 0.0, 0.0
    for stack in chunks:
        if stack.shape[1] > stack.shape[2]:
            stack = stack.mT
        gram = _gram(stack)
        # of a sum of squares: as exact as `_rounding` needs it
        squares = gram.diagonal(dim1=1, dim2=2).real.sum(1).amax().item()
        if squares == 0:
            continue
        if not math.isfinite(squares):
            raise BoundError("a symbol holds NaN or infinity: repair the weights")
        remaining = torch.arange(len(gram))
        if level:
            remaining = (~_definite(gram, level)).nonzero()[:, 0]
        while len(remaining):
            # the level is too low for these: that of the few that probably need the highest
            value = _largest_eigenvalue(_nearest(gram[remaining]))
            level = max(level * (1 + exactness), (1 + exactness) * value)
            remaining = remaining[~_definite(gram[remaining], level)]
        size, inner = gram.shape[1], stack.shape[2]
        rounding = max(rounding, _rounding(size, inner, level, squares))
    return ((level + rounding) ** 0.5 + error) * (1 + 4 * UNIT)


def norm_estimate(chunks: Iterable[torch.Tensor]) -> float:
    """A lower estimate of what `largest_norm` bounds, for much less work."""
    return max(_largest_eigenvalue(_nearest(_gram(stack))) for stack in chunks) ** 0.5


def _gram(stack: torch.Tensor) -> torch.Tensor:
    """W W* of matrices (F, R, C), by three products of real matrices in place of four."""
    if not stack.is_complex():
        return stack @ stack.mT
    pairs = torch.view_as_real(stack).flatten(2)
    mixed = stack.imag.contiguous() @ stack.real.contiguous().mT
    return torch.complex(pairs @ pairs.mT, mixed - mixed.mT)


def _definite(gram: torch.Tensor, level: float) -> torch.Tensor:
    """Whether level * I - gram is positive definite, by Cholesky: bool Tensor (...)."""
    shifted = gram.neg()
    shifted.diagonal(dim1=-2, dim2=-1).add_(level)
    return torch.linalg.cholesky_ex(shifted).info == 0


def _rounding(size: int, inner: int, level: float, squares: float) -> float:
    # the Gram product: at most gamma_inner |W|_F^2 (complex: twice the operations); the
    # factorisation: gamma_(size + 1) times the trace; each with a factor to spare
    return 4 * UNIT * ((inner + 16) * squares + (size + 2) * size * level)


def _nearest(gram: torch.Tensor) -> torch.Tensor:
    """Those of some Hermitian matrices (F, n, n) with probably the largest eigenvalues."""
    vectors = gram.diagonal(dim1=1, dim2=2).real.clamp(min=0).sqrt().to(gram.dtype).unsqueeze(2)
    for _ in range(POWER_STEPS):
        vectors = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp(min=1e-300)
        vectors = gram @ vectors
    estimates = torch.linalg.vector_norm(vectors, dim=1)[:, 0]
    return gram[estimates.topk(min(LOOKED_AT, len(gram))).indices]


def _largest_eigenvalue(gram: torch.Tensor) -> float:
    """A lower estimate of the largest eigenvalue of some Hermitian matrices, by Lanczos."""
    largest = 0.0
    for matrix in gram:
        # complex vectors as twice as many real numbers
        start = matrix.diagonal().real.clamp(min=0).sqrt().to(matrix.dtype)
        start = torch.view_as_real(start).flatten() if matrix.is_complex() else start
        apply = partial(_apply, matrix)
        largest = max(largest, largest_eigenpair(apply, start, tolerance=1e-9)[0])
    return largest


def _apply(matrix: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    if not matrix.is_complex():
        return matrix @ numbers
    return torch.view_as_real(matrix @ torch.view_as_complex(numbers.view(-1, 2))).flatten()
