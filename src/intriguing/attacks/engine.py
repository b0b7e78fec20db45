"""Batched box-constrained L-BFGS: one gradient evaluation of the whole batch a turn.

Every row is at a point of its own in the method: its iterate, curvature pairs, step length and
bracket on c. A turn evaluates the trial points of all rows, accepts or shortens each step, lets the
rows that reached their minimiser move their c, and proposes the next trial points. Rows that are
done leave the batch and the next images take their place.
"""

from dataclasses import dataclass

import torch

from intriguing.attacks import box, line_search
from intriguing.attacks.curvature import CurvatureMemory
from intriguing.attacks.objective import evaluate
from intriguing.attacks.weight_search import WeightSearch


@dataclass(frozen=True)
class Settings:
    """Numerical settings of the search; the defaults serve fully connected models.

    memory : curvature pairs kept per image.
    stationarity : a minimiser is accepted when |x - P(x - gradient/2)| <= stationarity * |x - x0|.
        Half the gradient is the distance to the minimum of the distortion term.
    steps_per_weight : most accepted steps for one c.
    weight_tolerance, margin_tolerance : see `weight_search.WeightSearch`.
    evaluations : most gradient evaluations for one image in one call of `solve`; an image that
        reaches it keeps the best it has.
    """

    memory: int = 4
    stationarity: float = 1e-2
    steps_per_weight: int = 30
    weight_tolerance: float = 1e-3
    margin_tolerance: float = 1e-3
    evaluations: int = 1000


@dataclass
class Solution:
    """Answers for N images: the rows correspond to those given to `solve`.

    images : Tensor (N, n), the adversarial image, or the last iterate where none was found.
    found : bool Tensor (N,).
    loss_weight : Tensor (N,), c of the answer: of the nearest minimiser that succeeded or, where
        none did, of the nearest iterate; NaN where nothing was found.
    evaluations : int64 Tensor (N,).
    """

    images: torch.Tensor
    found: torch.Tensor
    loss_weight: torch.Tensor
    evaluations: torch.Tensor


def solve(model, images, targets, required, *, shape, settings, batch_size, report=None):
    """Smallest-c minimisers for N images, whatever their number, ``batch_size`` at a time.

    Parameters
    ----------
    model : Module
        Maps (B, \\*shape) to logits.
    images : Tensor (N, n)
        Originals, flattened.
    targets : int64 Tensor (N,)
    required : Tensor (N,)
        Logit margin to reach.
    report : callable, optional
        Called with the number of images finished since its last call.

    Returns
    -------
    Solution
    """
    number = len(images)
    solution = Solution(
        images.clone(),
        torch.zeros(number, dtype=torch.bool, device=images.device),
        torch.full((number,), torch.nan, dtype=images.dtype, device=images.device),
        torch.zeros(number, dtype=torch.int64, device=images.device),
    )
    if number == 0:
        return solution
    batch = _Batch(images, targets, required, solution, settings, min(batch_size, number))
    while batch.rows:
        batch.take(evaluate(model, batch.trial, batch.targets, shape))
        finished = batch.replace_finished()
        if report and finished:
            report(finished)
        batch.propose()
    return solution


class _Batch:
    """The rows in work. ``owner`` holds the number of the image in each row."""

    def __init__(self, images, targets, required, solution, settings, rows):
        self.all_images, self.all_targets, self.all_required = images, targets, required
        self.solution, self.settings = solution, settings
        self.next_image = rows
        self.owner = torch.arange(rows, device=images.device)
        self.memory = CurvatureMemory(
            rows, images.shape[1], settings.memory, dtype=images.dtype, device=images.device
        )
        self.search = WeightSearch(
            required[:rows].clone(), settings.weight_tolerance, settings.margin_tolerance
        )
        self.originals = images[:rows].clone()
        self.targets = targets[:rows].clone()
        zeros = torch.zeros(rows, dtype=images.dtype, device=images.device)
        self.images = self.originals.clone()
        self.trial = self.originals.clone()
        self.loss_gradient = torch.zeros_like(self.originals)
        self.loss, self.margin, self.step = zeros.clone(), zeros.clone(), zeros + 1
        self.best_distance = zeros + torch.inf
        self.fallback_distance = zeros + torch.inf
        self.remembers = torch.zeros(rows, dtype=torch.bool, device=images.device)
        self.fresh = torch.ones(rows, dtype=torch.bool, device=images.device)
        self.done = torch.zeros_like(self.fresh)
        self.steps_here = torch.zeros(rows, dtype=torch.int64, device=images.device)
        self.evaluations = torch.zeros_like(self.steps_here)

    @property
    def rows(self):
        return len(self.owner)

    def take(self, evaluation):
        """Accept or refuse the trial points; settle the rows that reached their minimiser."""
        settings, fresh = self.settings, self.fresh
        self.evaluations += ~self.done
        weight = self.search.weight.nan_to_num(0.0)
        move = self.trial - self.images
        gradient = self._gradient(weight)
        value = _squared_distance(self.images, self.originals) + weight * self.loss
        trial_value = _squared_distance(self.trial, self.originals) + weight * evaluation.loss
        decrease = line_search.sufficient_decrease(value, trial_value, gradient, move)
        accepted = (fresh | decrease) & ~self.done
        shorter = line_search.shorten(self.step, value, trial_value, gradient, move)
        self.step = torch.where(accepted, 1.0, shorter)
        stuck = ~accepted & (self.step < line_search.SHORTEST_STEP)
        # a direction that leads nowhere: forget the curvature and start from the gradient; only
        # when that leads nowhere either is the row at its minimum
        reset = stuck & self.remembers
        if reset.any():
            self.memory.forget(reset.nonzero()[:, 0])
            self.step.masked_fill_(reset, 1.0)
            stuck &= ~reset
        self.remembers = (self.remembers & ~reset) | (accepted & ~fresh)

        self.memory.push(move, evaluation.gradient - self.loss_gradient, accepted & ~fresh)
        keep = accepted[:, None]
        self.images = torch.where(keep, self.trial, self.images)
        self.loss_gradient = torch.where(keep, evaluation.gradient, self.loss_gradient)
        self.loss = torch.where(accepted, evaluation.loss, self.loss)
        self.margin = torch.where(accepted, evaluation.margin, self.margin)
        self.steps_here += accepted & ~fresh

        if fresh.any():
            free = box.free_variables(self.images, self.loss_gradient)
            squared = (self.loss_gradient * free).square_().sum(1)
            self.search.start(fresh, self.margin, squared)
            weight = self.search.weight
        residual = self.images - box.project(self.images - 0.5 * self._gradient(weight))
        distance = _squared_distance(self.images, self.originals)
        self._keep_fallback(accepted & ~fresh, distance)
        stationary = residual.square_().sum(1) <= settings.stationarity**2 * distance
        settled = accepted & (stationary | (self.steps_here >= settings.steps_per_weight))
        settled = (settled | stuck) & ~fresh & ~self.done
        self._settle(settled, distance)
        self.fresh = torch.zeros_like(fresh)

    def _keep_fallback(self, rows, distance):
        """Record the nearest iterate that succeeds, for rows whose minimisers never do."""
        nearer = (self.margin >= self.search.required) & (distance < self.fallback_distance)
        kept = (rows & nearer & self.best_distance.isinf()).nonzero()[:, 0]
        if len(kept):
            self.fallback_distance[kept] = distance[kept]
            self._record(kept, self.search.weight)

    def _record(self, rows, weight):
        owner = self.owner[rows]
        self.solution.images[owner] = self.images[rows]
        self.solution.loss_weight[owner] = weight[rows]
        self.solution.found[owner] = True

    def _settle(self, settled, distance):
        weight = self.search.weight
        success, finished = self.search.update(settled, self.margin)
        better = (success & (distance < self.best_distance)).nonzero()[:, 0]
        if len(better):
            self._record(better, weight)
            self.best_distance[better] = distance[better]
        self.steps_here.masked_fill_(settled, 0)
        self.step.masked_fill_(settled, 1.0)
        self.done |= finished | (self.evaluations >= self.settings.evaluations)

    def propose(self):
        """Next trial point of every row: a projected quasi-Newton step."""
        if not self.rows:
            return
        weight = self.search.weight.nan_to_num(0.0)
        gradient = self._gradient(weight)
        free = box.free_variables(self.images, gradient)
        direction = self.memory.direction(gradient, free, weight)
        trial = torch.addcmul(self.images, self.step[:, None], direction)
        # a row that has just entered is evaluated where it stands
        self.trial = torch.where(self.fresh[:, None], self.images, box.project(trial))

    def replace_finished(self):
        """Write out the rows that are done; refill them, or shrink the batch when none wait."""
        done = self.done.nonzero()[:, 0]
        waiting = len(self.all_images) - self.next_image
        enough = min(self.rows, max(1, self.rows // 8))
        if len(done) < (enough if waiting else max(1, self.rows // 4)) and len(done) < self.rows:
            return 0
        self._write_out(done)
        entering = min(len(done), waiting)
        if entering:
            self._enter(done[:entering])
        if entering < len(done):
            self._select((~self.done).nonzero()[:, 0])
        return len(done)

    def _write_out(self, rows):
        owner = self.owner[rows]
        self.solution.evaluations[owner] = self.evaluations[rows]
        failed = rows[~self.solution.found[owner]]
        self.solution.images[self.owner[failed]] = self.images[failed]

    def _enter(self, rows):
        owner = torch.arange(self.next_image, self.next_image + len(rows), device=rows.device)
        self.next_image += len(rows)
        self.owner[rows] = owner
        for images in (self.originals, self.images, self.trial):
            images[rows] = self.all_images[owner]
        self.targets[rows] = self.all_targets[owner]
        self.search.required[rows] = self.all_required[owner]
        self.loss_gradient[rows] = 0
        self.memory.forget(rows)
        self.best_distance[rows] = torch.inf
        self.fallback_distance[rows] = torch.inf
        self.remembers[rows] = False
        self.step[rows] = 1.0
        self.fresh[rows] = True
        self.done[rows] = False
        self.steps_here[rows] = 0
        self.evaluations[rows] = 0

    def _select(self, rows):
        for name in _ROW_TENSORS:
            setattr(self, name, getattr(self, name)[rows])
        for name, value in self.search.rows().items():
            setattr(self.search, name, value[rows])
        self.memory.select(rows)

    def _gradient(self, weight):
        gradient = self.images - self.originals
        return gradient.mul_(2).addcmul_(weight[:, None], self.loss_gradient)


_ROW_TENSORS = (
    *("owner", "originals", "targets", "images", "trial", "loss", "loss_gradient", "margin"),
    *(
        "step",
        "best_distance",
        "fallback_distance",
        "remembers",
        "fresh",
        "done",
        "steps_here",
        "evaluations",
    ),
)


def _squared_distance(images, originals):
    return (images - originals).square_().sum(1)
