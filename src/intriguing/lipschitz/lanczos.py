"""Lanczos' method: the largest eigenvalue of a symmetric map, and the norm of a linear one.

Golub & Van Loan, *Matrix Computations* (4th ed.), section 10.1, with full reorthogonalisation and a
restart from the best vector, so that memory stays bounded for large images.
"""

import torch

BASIS = 40
# steps between looks at how far the value has come
LOOK = 8
# numbers that the basis may hold
LARGEST_BASIS = 1 << 26


def largest_eigenpair(apply, start, *, tolerance=1e-6, cycles=20, steps=BASIS):
    """Largest eigenvalue found of a symmetric positive semidefinite map, and its vector.

    Parameters
    ----------
    apply : callable
        From a vector (n,) to a vector (n,).
    start : Tensor (n,)
        Anything; a random part is added, so that no start is orthogonal to the answer.
    tolerance : float
        Stop when eight steps raise the value by less than this fraction.
    cycles : int
        Most restarts.
    steps : int
        Steps between restarts, at most.

    Returns
    -------
    value : float
        Rayleigh quotient of ``vector``: up to rounding no larger than the largest eigenvalue.
    vector : Tensor (n,)
        Of length 1.
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


def _cycle(apply, vector, basis_size, tolerance):
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
        if size % LOOK == 0 and not complete:
            before, value = value, _eigen(projected[:size, :size])[0][-1].item()
            complete = value <= before * (1 + tolerance)
        if complete or size == basis_size:
            break
        basis[size] = rest / length
    values, vectors = _eigen(projected[:size, :size])
    best = vectors[:, -1].to(basis) @ basis[:size]
    return max(values[-1].item(), 0.0), best / _length(best), complete


def _eigen(projected):
    upper = projected.triu()
    return torch.linalg.eigh(upper + upper.triu(1).T)


def _length(vector):
    return torch.linalg.vector_norm(vector)


def norm_of_map(forward, shape, *, start=None, tolerance=1e-4, cycles=20, steps=BASIS):
    """A vector on which a linear map comes close to its norm.

    Parameters
    ----------
    forward : callable
        Linear, from a Tensor of ``shape`` to any Tensor; its adjoint comes from autograd.
    shape : tuple of int
    start : Tensor of ``shape``, optional
        Where to start; random otherwise. Its dtype is that of the iteration.
    tolerance, cycles, steps
        As in `largest_eigenpair`.

    Returns
    -------
    Tensor of ``shape``
        Of length 1.
    """
    if start is None:
        generator = torch.Generator().manual_seed(1)
        start = torch.randn(shape, generator=generator)
    origin = torch.zeros(shape, dtype=start.dtype, requires_grad=True)
    with torch.enable_grad():
        image = forward(origin)

    def apply(vector):
        with torch.no_grad():
            moved = forward(vector.view(shape))
        (back,) = torch.autograd.grad(image, origin, moved, retain_graph=True)
        return back.flatten()

    _, vector = largest_eigenpair(
        apply, start.flatten(), tolerance=tolerance, cycles=cycles, steps=steps
    )
    return vector.view(shape)
