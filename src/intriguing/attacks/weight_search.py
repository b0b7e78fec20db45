"""Search for the smallest weight c of the loss whose minimiser is classified as the target.

One bracket per row on log c. The margin of the minimiser grows with c and crosses the required
margin at the answer, so the next c comes from the secant through the two ends of the bracket, with
a bisection whenever the secant did not halve it (Dekker's safeguard).
"""

import math

import torch

from intriguing.attacks.batching import Rows

SMALLEST, LARGEST = 1e-10, 1e10
# small steps at first, since each minimiser starts the next and overshooting costs more than a
# step; growing, for a first guess that is far off
EXPANSION = math.log(1.5)
GROWTH = 1.3


class WeightSearch(Rows):
    """Brackets on log c for the rows of a batch.

    Parameters
    ----------
    required : Tensor (B,)
        Margin from which on an image counts as adversarial.
    weight_tolerance : float
        A bracket of this relative width is closed.
    margin_tolerance : float
        A success whose margin exceeds the required one by at most this fraction of the
        distance in margin between the original image and the requirement ends the search:
        its distortion is then within about the same fraction of the least.
    """

    def __init__(self, required, weight_tolerance, margin_tolerance):
        self.required = required
        self.weight_tolerance = weight_tolerance
        self.margin_tolerance = margin_tolerance
        unknown = torch.full_like(required, torch.nan)
        self.log_weight = unknown.clone()
        self.failed_at, self.failed_margin = unknown.clone(), unknown.clone()
        self.succeeded_at, self.succeeded_margin = unknown.clone(), unknown.clone()
        self.bisect = torch.zeros_like(required, dtype=torch.bool)
        self.gap, self.expansion = unknown.clone(), unknown.clone()

    @property
    def weight(self):
        return self.log_weight.exp()

    def start(self, rows, margin, squared_gradient):
        """First c of some rows (bool mask), from the linearised classifier.

        With r = (c/2) p grad(margin), p being the probability of not being the target (1/2 on the
        boundary), the boundary is reached at c = 4 |margin| / |grad|^2; half of it leaves room
        for the bend of the classifier, since the bracket is better approached from below.
        """
        gap = self.required - margin
        guess = 2 * gap.clamp(min=1e-12) / squared_gradient.clamp(min=1e-30)
        self._begin(rows, guess, gap.abs())

    def start_beyond(self, rows, distance, squared_gradient):
        """First c of rows that start in the target class, at ``distance`` from their originals.

        A minimiser has 2 |x - x0| = c |grad|; four times that keeps the row on its side of the
        boundary at first. How far the margin had to move is not known here: to first order it is
        distance times slope.
        """
        slope = squared_gradient.sqrt().clamp(min=1e-15)
        self._begin(rows, 8 * distance / slope, (distance * slope).clamp(min=1e-6))

    def _begin(self, rows, guess, gap):
        guess = guess.clamp(SMALLEST, LARGEST).log()
        self.log_weight = torch.where(rows, guess, self.log_weight)
        self.gap = torch.where(rows, gap, self.gap)
        for name in ("failed_at", "failed_margin", "succeeded_at", "succeeded_margin"):
            setattr(self, name, getattr(self, name).masked_fill(rows, torch.nan))
        self.bisect = self.bisect & ~rows
        self.expansion = self.expansion.masked_fill(rows, EXPANSION)

    def update(self, rows, margin):
        """Take the margin of the minimisers at the present c; return (success, finished).

        Only the rows of the bool mask ``rows`` are touched; both results are masks within it.
        """
        success = rows & (margin >= self.required)
        failure = rows & ~success
        width_before = self.succeeded_at - self.failed_at
        self.succeeded_at = torch.where(success, self.log_weight, self.succeeded_at)
        self.succeeded_margin = torch.where(success, margin, self.succeeded_margin)
        self.failed_at = torch.where(failure, self.log_weight, self.failed_at)
        self.failed_margin = torch.where(failure, margin, self.failed_margin)

        width = self.succeeded_at - self.failed_at
        bracketed = ~width.isnan()
        closed = bracketed & (width <= self.weight_tolerance)
        sharp = success & (margin - self.required <= self.margin_tolerance * self.gap)
        exhausted = failure & (self.log_weight >= math.log(LARGEST))
        lowest = success & (self.log_weight <= math.log(SMALLEST))
        finished = rows & (closed | sharp | exhausted | lowest)

        self.bisect = torch.where(rows, width > 0.5 * width_before, self.bisect)
        expanded = self.log_weight + torch.where(success, -self.expansion, self.expansion)
        self.expansion = torch.where(rows, GROWTH * self.expansion, self.expansion)
        following = torch.where(bracketed, self._inside(width), expanded)
        following = following.clamp(math.log(SMALLEST), math.log(LARGEST))
        self.log_weight = torch.where(rows & ~finished, following, self.log_weight)
        return success, finished

    def _inside(self, width):
        # aim at a margin a little above the required one: a success there ends the search
        aim = self.required + 0.5 * self.margin_tolerance * self.gap
        rise = self.succeeded_margin - self.failed_margin
        fraction = ((aim - self.failed_margin) / rise).nan_to_num(0.5).clamp(0.02, 0.98)
        return self.failed_at + width * torch.where(self.bisect, 0.5, fraction)
