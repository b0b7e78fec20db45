"""The box [0, 1]^n and its active set.

A projected quasi-Newton step (Bertsekas 1982, *Projected Newton methods for optimization problems
with simple constraints*) moves only the variables that the box leaves free and projects the result.
"""

from __future__ import annotations

import torch

LOWER, UPPER = 0.0, 1.0
# longer than any direction
FAR = 1e30


def project(images: torch.Tensor) -> torch.Tensor:
    """Nearest point of the box; works in place and returns its argument."""
    return images.clamp_(LOWER, UPPER)


def residual(images: torch.Tensor, half_gradient: torch.Tensor) -> torch.Tensor:
    """How far a step of half the gradient moves inside the box: x - P(x - gradient / 2).

    Zero at a minimiser. Half the gradient, since it is the distance to the minimum of a squared
    distance: without any other term this is the error itself.

    Parameters
    ----------
    images, half_gradient : Tensor (B, n)
        Points inside the box and half the gradient of the objective there.
    """
    return images - project(images - half_gradient)


def free_variables(residuals: torch.Tensor) -> torch.Tensor:
    """Variables that a step against the gradient can move without leaving the box.

    Parameters
    ----------
    residuals : Tensor (B, n)
        As `residual` gives them.

    Returns
    -------
    Tensor (B, n)
        1.0 where the variable is free; 0.0 where it sits on a bound and the gradient pushes it
        outwards (the active set), or where it has no gradient. A factor in the dtype of the
        images instead of a mask, since products are several times cheaper than masked writes.
    """
    return residuals.sign().abs_()


def inward(directions: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Directions (B, n) from points of the box, 0 where they would leave it at once."""
    # bounds are faster than masks
    lowest = images * -FAR
    return torch.clamp(directions, lowest, lowest + FAR * (UPPER - LOWER))
