"""Norms and Jacobians by brute force, against which the bounds are tested."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from intriguing.lipschitz.bounds import Bounds

# what rounding of the reference itself may be, relative
ROUNDING = 1e-11


def dense(layer: nn.Module, input_shape: Sequence[int]) -> torch.Tensor:
    """Matrix (outputs, inputs) of a linear module without bias, in float64; changes its dtype."""
    layer = layer.double()
    inputs = math.prod(input_shape)
    unit = torch.eye(inputs, dtype=torch.float64).view(inputs, *input_shape)
    with torch.no_grad():
        return layer(unit).flatten(1).T


def exact_norm(layer: nn.Module, input_shape: Sequence[int]) -> float:
    """Operator norm of a linear module without bias, by SVD of its dense matrix."""
    matrix = dense(layer, input_shape)
    # tiny weights would lose digits
    scale = matrix.abs().max().clamp(min=1e-300)
    return torch.linalg.svdvals(matrix / scale)[0].item() * scale.item()


def inside(bounds: Bounds, exact: float) -> bool:
    """Whether a norm that is known up to `ROUNDING` lies in an interval."""
    return bounds.lower <= exact * (1 + ROUNDING) and bounds.upper >= exact * (1 - ROUNDING)


def of_one(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable:
    """A function of batches as a function of one input."""
    return lambda x: function(x[None])[0]


def jacobian(
    function: Callable[[torch.Tensor], torch.Tensor], point: torch.Tensor, **options: bool
) -> torch.Tensor:
    """Jacobian in float64 of a function of one input, as a matrix (outputs, inputs)."""
    found = torch.autograd.functional.jacobian(function, point.double(), vectorize=True, **options)
    return found.reshape(-1, point.numel())


def largest_jacobian(
    function: Callable[[torch.Tensor], torch.Tensor],
    starts: Iterable[torch.Tensor],
    steps: int = 60,
    rate: float = 0.05,
) -> float:
    """Largest Jacobian norm that gradient ascent finds from some starts: a bound from below."""
    found = 0.0
    for start in starts:
        point = start.double().clone().requires_grad_(True)
        optimiser = torch.optim.Adam([point], rate)
        for _ in range(steps):
            norm = torch.linalg.matrix_norm(jacobian(function, point, create_graph=True), 2)
            found = max(found, norm.item())
            optimiser.zero_grad()
            (-norm).backward()
            optimiser.step()
    return found
