"""Search for the smallest weight c of the loss whose minimiser is classified as the target.

One bracket per row on log c. The margin of the minimiser grows with c and crosses the required
margin at the answer, so the next c comes from the secant through the two ends of the bracket, with
a bisection whenever the secant did not halve it (Dekker's safeguard).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from intriguing.attacks.batching import Rows

SMALLEST, LARGEST = 1e-10, 1e10
# small steps at first, since each minimiser starts the next and overshooting costs more than a
# step; growing, for a first guess that is far off
EXPANSION = math.log(1.5)
GROWTH = 1.3


@dataclass(init=False, eq=False, repr=False)
class WeightSearch(Rows):
    """Brackets on log c for the rows of a batch.

    Parameters
    ----------
    like : Tensor (B,)
        Gives the number of rows, dtype and device.
    weight_tolerance : float
        A bracket of this relative width is closed.
    margin_tolerance : float
        A success whose margin exceeds the required one by at most this fraction of the
        distance in margin between the original image and the requirement ends the search:
        its distortion is then within about the same fraction of the least.

    Attributes
    ----------
    log_weight : Tensor (B,)
        The present log c; NaN before `start`.
    gap : Tensor (B,)
        Distance in margin between the original image and the requirement.
    failed_at, failed_margin : Tensor (B,)
        Lower end of the bracket, the last log c that failed, and the margin there; NaN: none yet.
    succeeded_at, succeeded_margin : Tensor (B,)
        Upper end of the bracket, the last log c that succeeded, and the margin there.
    bisect : bool Tensor (B,)
        The last secant did not halve the bracket: bisect it next.
    expansion : Tensor (B,)
        Next step of log c while one end of the bracket is missing.
    """

    log_weight: torch.Tensor
    gap: torch.Tensor
    failed_at: torch.Tensor
    failed_margin: torch.Tensor
    succeeded_at: torch.Tensor
    succeeded_margin: torch.Tensor
    bisect: torch.Tensor
    expansion: torch.Tensor

    def __init__(
        self, like: torch.Tensor, weight_tolerance: float, margin_tolerance: float
    ) -> None:
        self.weight_tolerance = weight_tolerance
        self.margin_tolerance = margin_tolerance
        unknown = torch.full_like(like, torch.nan)
        self.log_weight, self.gap = unknown.clone(), unknown.clone()
        self.failed_at, self.failed_margin = unknown.clone(), unknown.clone()
        self.succeeded_at, self.succeeded_margin = unknown.clone(), unknown.clone()
        self.bisect = torch.zeros_like(like, dtype=torch.bool)
        self.expansion = unknown.clone()

    @property
    def weight(self) -> torch.Tensor:
        """The present c, Tensor (B,)."""
        return self.log_weight.exp()

    def start(self, rows: torch.Tensor, gap: torch.Tensor, squared_gradient: torch.Tensor) -> None:
        """First c of some rows (bool mask), from the linearised classifier.

        With r = (c/2) p grad(margin), p being the probability of not being the target (1/2 on the
        boundary), the boundary is reached at c = 4 gap / |grad|^2, the gap being the required
        margin less that of the original; half of it leaves room for the bend of the classifier,
        since the bracket is better approached from below.
        """
        guess = 2 * gap.clamp(min=1e-12) / squared_gradient.clamp(min=1e-30)
        self._begin(rows, guess, gap.abs())

    def start_beyond(
        self, rows: torch.Tensor, distance: torch.Tensor, squared_gradient: torch.Tensor
    ) -> None:
        """First c of rows that start in the target class, at ``distance`` from their originals.

        A minimiser has 2 |x - x0| = c |grad|; four times that keeps the row on its side of the
        boundary at first. How far the margin had to move is not known here: to first order it is
        distance times slope.
        """
        slope = squared_gradient.sqrt().clamp(min=1e-15)
        self._begin(rows, 8 * distance / slope, (distance * slope).clamp(min=1e-6))

    def _begin(self, rows: torch.Tensor, guess: torch.Tensor, gap: torch.Tensor) -> None:
        guess = guess.clamp(SMALLEST, LARGEST).log()
        self.log_weight = torch.where(rows, guess, self.log_weight)
        self.gap = torch.where(rows, gap, self.gap)
        self.failed_at = self.failed_at.masked_fill(rows, torch.nan)
        self.failed_margin = self.failed_margin.masked_fill(rows, torch.nan)
        self.succeeded_at = self.succeeded_at.masked_fill(rows, torch.nan)
        self.succeeded_margin = self.succeeded_margin.masked_fill(rows, torch.nan)
        self.bisect = self.bisect & ~rows
        self.expansion = self.expansion.masked_fill(rows, EXPANSION)

    def update(
        self, rows: torch.Tensor, margin: torch.Tensor, required: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take the margin of the minimisers at the present c; return (success, finished).

        Only the rows of the bool mask ``rows`` are touched; both results are masks within it. An
        image is adversarial from the margin ``required`` (B,) on.
        """
        success = rows & (margin >= required)
        failure = rows & ~success
        width_before = self.succeeded_at - self.failed_at
        self.succeeded_at = torch.where(success, self.log_weight, self.succeeded_at)
        self.succeeded_margin = torch.where(success, margin, self.succeeded_margin)
        self.failed_at = torch.where(failure, self.log_weight, self.failed_at)
        self.failed_margin = torch.where(failure, margin, self.failed_margin)

        width = self.succeeded_at - self.failed_at
        bracketed = ~width.isnan()
        closed = bracketed & (width <= self.weight_tolerance)
        sharp = success & (margin - required <= self.margin_tolerance * self.gap)
        exhausted = failure & (self.log_weight >= math.log(LARGEST))
        lowest = success & (self.log_weight <= math.log(SMALLEST))
        finished = rows & (closed | sharp | exhausted | lowest)

        self.bisect = torch.where(rows, width > 0.5 * width_before, self.bisect)
        expanded = self.log_weight + torch.where(success, -self.expansion, self.expansion)
        self.expansion = torch.where(rows, GROWTH * self.expansion, self.expansion)
        following = torch.where(bracketed, self._inside(width, required), expanded)
        following = following.clamp(math.log(SMALLEST), math.log(LARGEST))
        self.log_weight = torch.where(rows & ~finished, following, self.log_weight)
        return success, finished

    def _inside(self, width: torch.Tensor, required: torch.Tensor) -> torch.Tensor:
        # aim at a margin a little above the required one: a success there ends the search
        aim = required + 0.5 * self.margin_tolerance * self.gap
        rise = self.succeeded_margin - self.failed_margin
        fraction = ((aim - self.failed_margin) / rise).nan_to_num(0.5).clamp(0.02, 0.98)
        return self.failed_at + width * torch.where(self.bisect, 0.5, fraction)
