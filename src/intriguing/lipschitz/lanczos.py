"""Lanczos' method: the largest eigenvalue of a symmetric map, and the norm of a linear one.

Golub & Van Loan, *Matrix Computations* (4th ed.), section 10.1, with full reorthogonalisation and a
restart from the best vector, so that memory stays bounded for large images.

No proof rests on the iteration: a caller evaluates the vector that is returned, or tests the value
by a factorisation. `scipy.sparse.linalg.eigsh` would do as well: it is two or three times faster on
small dense matrices (by milliseconds) and about as fast on convolutions, but loading it takes
longer than that saves, it refuses the zero map, and the last digits of every bound would change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

Map = Callable[[torch.Tensor], torch.Tensor]

BASIS = 40
# steps between checks of how much the value has risen
CHECK_EVERY = 8
# numbers that the basis may hold
LARGEST_BASIS = 1 << 26


def largest_eigenpair(
    apply: Map,
    start: torch.Tensor,
    *,
    tolerance: float = 1e-6,
    cycles: int = 20,
    steps: int = BASIS,
) -> tuple[float, torch.Tensor]:
    """Largest eigenvalue found of a symmetric positive semidefinite map, and its vector.

    Parameters
    ----------
    apply : callable
        From a vector (n,) to a vector (n,).
    start : Tensor (n,)
        Any vector; a random part is added, so that no start is orthogonal to the answer.
    tolerance : float
        Stop when eight steps raise the value by less than this fraction.
    cycles : int
        Most restarts.
    steps : int
        Most steps between restarts.

    Returns
    -------
    value : float
        Rayleigh quotient of ``vector``: up to rounding no larger than the largest eigenvalue.
    vector : Tensor (n,)
        A vector of length 1.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(start), generator=generator, dtype=torch.float64).to(start)
    vector = start / _length(start).clamp(min=1e-30) + 1e-2 * noise / _length(noise)
    vector /= _length(vector)
    basis_size = max(4, min(steps, len(start), LARGEST_BASIS // len(start)))
    value = 0.0
    for _ in range(cycles):
        before = value
        value, vector, complete = _cycle(apply, vector, basis_size, tolerance)
        if complete or value <= before * (1 + tolerance):
            break
    return value, vector


def _cycle(
    apply: Map, vector: torch.Tensor, basis_size: int, tolerance: float
) -> tuple[float, torch.Tensor, bool]:
    """Steps from one vector: the value, its vector, and whether there is no more to gain."""
    basis = torch.empty(basis_size, len(vector), dtype=vector.dtype, device=vector.device)
    projected = torch.zeros(basis_size, basis_size, dtype=torch.float64)
    basis[0] = vector
    complete, largest, value = False, 0.0, 0.0
    rounding = 32 * torch.finfo(vector.dtype).eps
    for step in range(basis_size):
        image = apply(basis[step])
        known = basis[: step + 1]
        coefficients = known @ image
        projected[: step + 1, step] = coefficients.double().cpu()
        rest = image - coefficients @ known
        rest -= (known @ rest) @ known
        length = _length(rest).item()
        size = step + 1
        # nothing new: the space is invariant
        largest = max(largest, coefficients.abs().amax().item())
        complete = length <= rounding * largest
        if size % CHECK_EVERY == 0 and not complete:
            before, value = value, _eigen(projected[:size, :size])[0][-1].item()
            complete = value <= before * (1 + tolerance)
        if complete or size == basis_size:
            break
        basis[size] = rest / length
    values, vectors = _eigen(projected[:size, :size])
    best = vectors[:, -1].to(basis) @ basis[:size]
    return max(values[-1].item(), 0.0), best / _length(best), complete


def _eigen(projected: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    upper = projected.triu()
    values, vectors = torch.linalg.eigh(upper + upper.triu(1).T)
    return values, vectors


def _length(vector: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(vector)


def norm_of_map(
    forward: Map,
    shape: Sequence[int],
    *,
    start: torch.Tensor | None = None,
    tolerance: float = 1e-4,
    cycles: int = 20,
    steps: int = BASIS,
) -> torch.Tensor:
    """A vector on which a linear map comes close to its norm.

    Parameters
    ----------
    forward : callable
        Linear, from a Tensor of ``shape`` to any Tensor; its adjoint comes from autograd.
    shape : tuple of int
    start : Tensor of ``shape``, optional
        Where to start; random by default. Its dtype is that of the iteration.
    tolerance, cycles, steps
        As in `largest_eigenpair`.

    Returns
    -------
    Tensor of ``shape``
        A vector of length 1.
    """
    if start is None:
        generator = torch.Generator().manual_seed(1)
        start = torch.randn(tuple(shape), generator=generator)
    origin = torch.zeros(tuple(shape), dtype=start.dtype, requires_grad=True)
    with torch.enable_grad():
        image = forward(origin)

    def apply(vector: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            moved = forward(vector.view(tuple(shape)))
        (back,) = torch.autograd.grad(image, origin, moved, retain_graph=True)
        return back.flatten()

    _, vector = largest_eigenpair(
        apply, start.flatten(), tolerance=tolerance, cycles=cycles, steps=steps
    )
    return vector.view(tuple(shape))
