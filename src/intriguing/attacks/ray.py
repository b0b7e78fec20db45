"""The boundary along the ray from an original image through another: forward passes only."""

from __future__ import annotations

import torch

from intriguing.attacks.objective import Classifier, Constraint

# largest scale tried
FARTHEST = 1.5
# of a margin, relative to the largest logit
ROUNDING = torch.finfo(torch.float32).eps


def nearest_on_ray(
    classifier: Classifier,
    originals: torch.Tensor,
    moves: torch.Tensor,
    constraint: Constraint,
    slope: torch.Tensor,
    tries: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Smallest scale found at which P(original + scale * move) has the required margin.

    A secant search that starts at scale 1 and stays between the last failure and success.

    Parameters
    ----------
    classifier : objective.Classifier
    originals, moves : Tensor (B, n)
    constraint : objective.Constraint
    slope : Tensor (B,)
        Estimate of d margin / d scale, positive: used until both sides of the boundary are known.
    tries : int
        Forward passes.

    Returns
    -------
    scale : Tensor (B,)
        Infinity where no try succeeded.
    margin : Tensor (B,)
        At scale 1.
    """
    required = constraint.required
    scale = torch.ones_like(required)
    low, low_margin = torch.zeros_like(scale), torch.full_like(scale, -torch.inf)
    high, high_margin = torch.full_like(scale, torch.inf), torch.full_like(scale, torch.inf)
    for turn in range(tries):
        logits = classifier.logits(at_scale(originals, moves, scale))
        margin = constraint.margin(logits)
        if turn == 0:
            first = margin
            # what rounding of the scale and of the logits could undo
            rounding = 4e-6 * slope + ROUNDING * logits.abs().amax(1)
            aim = required + rounding
        success = margin >= required
        high_margin = torch.where(success, margin, high_margin)
        high = torch.where(success, scale, high)
        low_margin = torch.where(success, low_margin, margin)
        low = torch.where(success, low, scale)
        exact = success & (margin - required <= 2.5 * rounding)
        secant = (high_margin - low_margin) / (high - low)
        bracketed = secant.isfinite() & (secant > 0)
        step = (aim - margin) / torch.where(bracketed, secant, slope)
        step = torch.where(step.isfinite() & ~exact, step.clamp(-0.2, 0.2), 0.0)
        scale = torch.minimum(torch.maximum(scale + step, low), high).clamp(max=FARTHEST)
        if exact.all():
            break
    return high, first


def at_scale(originals: torch.Tensor, moves: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """P(original + scale * move), Tensor (B, n)."""
    return torch.addcmul(originals, scale[:, None], moves).clamp_(0, 1)
