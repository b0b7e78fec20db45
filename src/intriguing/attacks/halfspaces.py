"""Nearest point of the box cut by a few half-spaces, for a batch: a small exact dual problem.

    min |y - point|^2 / 2   subject to   normals y >= offsets,  y in [0, 1]^n

For multipliers m >= 0 the inner minimum is y(m) = P(point + normals' m), so that the dual is
concave and piecewise quadratic with as many variables as half-spaces. Semismooth Newton steps on
it find the active pieces in a few turns (Qi & Sun 1993).
"""

from __future__ import annotations

import torch

from intriguing.attacks import box

TURNS = 12
# half-spaces that miss the box have no finite multiplier
LARGEST = 1e12


def nearest_point(
    point: torch.Tensor,
    normals: torch.Tensor,
    offsets: torch.Tensor,
    multipliers: torch.Tensor,
    tolerance: float = 1e-4,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Project onto the box and the half-spaces, to a tolerance or as far as 12 Newton steps get.

    Parameters
    ----------
    point : Tensor (B, n)
    normals : Tensor (B, K, n)
    offsets : Tensor (B, K)
    multipliers : Tensor (B, K)
        Where to start from, at least 0.
    tolerance : float
        Violation of a half-space that is left, as a share of the largest one at ``point``.

    Returns
    -------
    nearest : Tensor (B, n)
        In the box. Where box and half-spaces do not meet: a point that violates some of them.
    multipliers : Tensor (B, K)
        Positive for the half-spaces on whose surface the point lies.
    """
    result, pressing = torch.empty_like(point), torch.empty_like(multipliers)
    rows = _pair(torch.arange(len(point), device=point.device))
    point, normals, offsets, multipliers = (
        value if len(value) == len(rows) else value[rows]
        for value in (point, normals, offsets, multipliers)
    )
    behind = (offsets - _products(normals, point)).clamp(min=0)
    bound = tolerance * behind.amax(1, keepdim=True)
    squares = torch.linalg.vector_norm(normals, dim=2) ** 2
    # Newton's steps need not raise the dual: what raised it most serves rows that end unsolved
    best_value, best = torch.full_like(bound, -torch.inf), multipliers
    turn = 0
    while True:
        shifted = torch.baddbmm(point[:, None], multipliers[:, None], normals)[:, 0]
        nearest = box.project(shifted.clone())
        violation = offsets - _products(normals, nearest)
        # zero at the solution: violated, or pressed without need (natural residual)
        excess = torch.maximum(violation, -multipliers * squares).abs()
        unsolved = (excess > bound).any(1)
        if turn == TURNS or not unsolved.all():
            result[rows], pressing[rows] = nearest, multipliers
            left = _pair(unsolved.nonzero()[:, 0])
            if not len(left):
                return result, pressing
            # rows differ much in the turns they need: go on with the rest only
            rows, point, normals, offsets, squares, bound, multipliers = (
                part[left] for part in (rows, point, normals, offsets, squares, bound, multipliers)
            )
            violation, shifted, nearest, best_value, best = (
                part[left] for part in (violation, shifted, nearest, best_value, best)
            )
        if turn == TURNS:
            shifted = torch.baddbmm(point[:, None], best[:, None], normals)[:, 0]
            result[rows], pressing[rows] = box.project(shifted), best
            return result, pressing
        moved = torch.linalg.vector_norm(nearest - point, dim=1, keepdim=True)
        value = moved**2 / 2 + (multipliers * violation).sum(1, keepdim=True)
        best = torch.where(value > best_value, multipliers, best)
        best_value = torch.maximum(value, best_value)
        free = 1 - shifted.sub_(nearest).sign_().abs_()
        gram = torch.bmm(normals * free[:, None], normals.transpose(1, 2))
        multipliers = _newton_step(multipliers, violation, gram)
        turn += 1


def _pair(rows: torch.Tensor) -> torch.Tensor:
    # a batched product of one row takes another path, which rounds differently: do it twice
    return rows.expand(2) if len(rows) == 1 else rows


def _products(normals: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    return torch.bmm(normals, point[:, :, None])[:, :, 0]


def _newton_step(
    multipliers: torch.Tensor, violation: torch.Tensor, gram: torch.Tensor
) -> torch.Tensor:
    active = ((multipliers > 0) | (violation > 0)).to(gram.dtype)
    gram = gram * active[:, :, None] * active[:, None, :]
    largest = gram.diagonal(dim1=1, dim2=2).amax(1, keepdim=True).clamp(min=1e-30)
    # no step for the inactive, and a little damping for normals that are nearly parallel
    gram.diagonal(dim1=1, dim2=2).add_((1 - active) * largest + 1e-6 * largest)
    step = torch.linalg.solve(gram, violation * active)
    return (multipliers + step).clamp_(0, LARGEST)
