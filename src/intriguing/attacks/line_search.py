"""Backtracking along the projected direction, row by row (Nocedal & Wright, algorithm 3.1)."""

from __future__ import annotations

import torch

SUFFICIENT_DECREASE = 1e-4
# far below 1, because the first step after a reset is half the gradient, whatever the curvature
SHORTEST_STEP = 1e-10
GROWTH = 2.0


def sufficient_decrease(
    value: torch.Tensor, trial_value: torch.Tensor, slope: torch.Tensor
) -> torch.Tensor:
    """Armijo condition for a projected step, Tensor (B,) of bool.

    Parameters
    ----------
    value, trial_value : Tensor (B,)
        Objective at the iterate and at the trial point.
    slope : Tensor (B,)
        Gradient at the iterate times the projected move (trial point minus iterate).
    """
    # the projection can turn a descent direction into a move that does not descend
    predicted = slope.clamp(max=0)
    # below the rounding of the objective a decrease cannot be measured: accept what is level
    slack = 4 * torch.finfo(value.dtype).eps * value.abs()
    return trial_value <= value + SUFFICIENT_DECREASE * predicted + slack


def shorten(
    step: torch.Tensor, value: torch.Tensor, trial_value: torch.Tensor, slope: torch.Tensor
) -> torch.Tensor:
    """Step length after a refused trial: minimum of the parabola, within [0.1, 0.5] of the old."""
    curvature = trial_value - value - slope
    ratio = torch.where(curvature > 0, -slope / (2 * curvature), 0.5)
    return step * ratio.nan_to_num(0.5).clamp(0.1, 0.5)


def lengthen(step: torch.Tensor) -> torch.Tensor:
    """First step length to try after an accepted trial: 1, or twice the last one if less.

    The unit step is natural for a quasi-Newton direction, but where the curvature changes from
    step to step (kinks, active classes that alternate) it would be shortened again each time.
    """
    return (GROWTH * step).clamp(max=1.0)
