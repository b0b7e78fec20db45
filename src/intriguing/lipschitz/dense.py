"""Bounds of dense layers."""

from __future__ import annotations

import torch

from intriguing.errors import BoundError
from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.norms import operator_norm


def dense_bounds(matrix: torch.Tensor) -> Bounds:
    """Operator norm of a matrix, certified in float64 from both sides.

    Parameters
    ----------
    matrix : Tensor (outputs, inputs)

    Returns
    -------
    Bounds
        ``paper`` is the norm itself, as in Szegedy et al. 2013, section 4.3.

    Raises
    ------
    BoundError
        If ``matrix`` is not a matrix or an entry is not finite.

    Examples
    --------
    >>> bounds = dense_bounds(torch.tensor([[3.0, 4.0]]))
    >>> bounds.lower <= 5 <= bounds.upper
    True
    """
    if not torch.is_tensor(matrix) or matrix.ndim != 2:
        shape = tuple(matrix.shape) if torch.is_tensor(matrix) else type(matrix).__name__
        raise BoundError(f"a dense layer needs a matrix (outputs, inputs), not {shape}")
    lower, upper = operator_norm(matrix)
    return Bounds(lower, upper, paper=upper, paper_as_printed=upper, method="Cholesky")
