"""Minimisers of the penalised objective at the smallest weight c that succeeds, for a batch.

A turn evaluates the trial points of all rows (one gradient each), accepts or shortens each step,
lets the rows that reached their minimiser move their c, and proposes the next trial points.
"""

from dataclasses import dataclass

import torch

from intriguing.attacks import box, line_search
from intriguing.attacks.batching import Batch, work_through
from intriguing.attacks.curvature import CurvatureMemory
from intriguing.attacks.objective import contenders, evaluate
from intriguing.attacks.problems import Solution
from intriguing.attacks.weight_search import WeightSearch


@dataclass(frozen=True)
class Settings:
    """Numerical settings of the search; the defaults serve all models tried.

    memory : curvature pairs kept per image.
    stationarity : a minimiser is accepted when |x - P(x - gradient/2)| <= stationarity * |x - x0|.
        Half the gradient is the distance to the minimum of the distortion term.
    roughness, roughest : away from the boundary a rough minimiser tells on which side of it the
        exact one lies: there the stationarity asked is ``roughness`` times the share of the
        original margin that is left, at most ``roughest``.
    steps_per_weight : most accepted steps for one c.
    weight_tolerance, margin_tolerance : see `weight_search.WeightSearch`.
    evaluations : most gradient evaluations for one image in one call of `solve`; an image that
        reaches it keeps the best it has.
    """

    memory: int = 4
    stationarity: float = 3e-2
    roughness: float = 3.0
    roughest: float = 0.5
    steps_per_weight: int = 30
    weight_tolerance: float = 1e-3
    margin_tolerance: float = 3e-3
    evaluations: int = 1000


def vectors(settings):
    """Copies of its pixels that `solve` keeps for each image."""
    return 4 * settings.memory + 2 + len(_IMAGES)


def solve(classifier, problems, *, classes, settings, batch_size, starts=None, report=None):
    """Smallest-c minimisers for N problems, whatever their number, ``batch_size`` at a time.

    Parameters
    ----------
    classifier : objective.Classifier
    problems : problems.Problems
    starts : Tensor (N, n), optional
        Points of the target's class to start from, instead of the originals: the path is then
        followed from there towards smaller c.
    report : callable, optional
        Called with the number of images finished since its last call.

    Returns
    -------
    problems.Solution
    """
    solution = Solution.empty(problems.originals)
    batch = _PathBatch(classifier, problems, classes, solution, settings, batch_size, starts)
    work_through(batch, len(problems), report)
    return solution


class _PathBatch(Batch):
    def __init__(self, classifier, problems, classes, solution, settings, batch_size, starts):
        self._classifier, self._problems, self._classes = classifier, problems, classes
        self._starts = starts
        self._solution, self._settings = solution, settings
        rows = min(batch_size, len(problems))
        originals = problems.originals[:rows]
        dtype, device = originals.dtype, originals.device
        self.owner = torch.arange(rows, device=device)
        self.memory = CurvatureMemory(
            rows, originals.shape[1], settings.memory, dtype=dtype, device=device
        )
        self.search = WeightSearch(
            problems.required[:rows].clone(), settings.weight_tolerance, settings.margin_tolerance
        )
        for name in _IMAGES:
            setattr(self, name, originals.clone())
        for name in _NUMBERS:
            setattr(self, name, torch.zeros(rows, dtype=dtype, device=device))
        for name in ("remembers", "fresh", "done"):
            setattr(self, name, torch.zeros(rows, dtype=torch.bool, device=device))
        self.targets = torch.zeros(rows, dtype=torch.int64, device=device)
        self.steps_here = torch.zeros_like(self.targets)
        self.evaluations = torch.zeros_like(self.targets)
        self.allowed = torch.zeros(rows, classes, dtype=dtype, device=device)
        self.enter(self.owner.clone(), self.owner.clone())

    def turn(self):
        evaluation = evaluate(
            *(self._classifier, self.trial, self.targets, self.allowed, self.search.required)
        )
        self._take(evaluation)
        self._propose()

    def enter(self, rows, owner):
        problems = self._problems.take(owner)
        self.owner[rows] = owner
        self.originals[rows] = problems.originals
        for images in (self.images, self.trial):
            images[rows] = problems.originals if self._starts is None else self._starts[owner]
        self.targets[rows] = problems.targets
        self.allowed[rows] = contenders(
            problems.targets, problems.rivals, self._classes, self.allowed.dtype
        )
        self.search.required[rows] = problems.required
        for zero in (self.shift, self.loss_gradient, self.half_gradient):
            zero[rows] = 0
        for zero in (self.loss, self.distance, self.weight):
            zero[rows] = 0
        self.memory.forget(rows)
        self.best_distance[rows] = torch.inf
        self.fallback_distance[rows] = torch.inf
        self.remembers[rows] = False
        self.step[rows] = 1.0
        self.fresh[rows] = True
        self.done[rows] = False
        self.steps_here[rows] = 0
        self.evaluations[rows] = 0

    def leave(self, rows):
        owner = self.owner[rows]
        self._solution.evaluations[owner] = self.evaluations[rows]
        failed = rows[~self._solution.found[owner]]
        self._solution.images[self.owner[failed]] = self.images[failed]

    def _take(self, evaluation):
        """Accept or refuse the trial points; settle the rows that reached their minimiser."""
        settings, fresh = self._settings, self.fresh
        self.evaluations += ~self.done
        move = self.trial - self.images
        slope = 2 * _dot(self.half_gradient, move)
        value = self.distance**2 + self.weight * self.loss
        shift = self.trial - self.originals
        distance = torch.linalg.vector_norm(shift, dim=1)
        trial_value = distance**2 + self.weight * evaluation.loss
        decrease = line_search.sufficient_decrease(value, trial_value, slope)
        accepted = (fresh | decrease) & ~self.done
        shorter = line_search.shorten(self.step, value, trial_value, slope)
        self.step = torch.where(accepted, line_search.lengthen(self.step), shorter)
        stuck = ~accepted & (self.step < line_search.SHORTEST_STEP)
        # a direction that leads nowhere: forget the curvature and start from the gradient; only
        # when that leads nowhere either is the row at its minimum
        reset = stuck & self.remembers
        if reset.any():
            self.memory.forget(reset.nonzero()[:, 0])
            self.step.masked_fill_(reset, 1.0)
            stuck &= ~reset
        stepped = accepted & ~fresh
        self.remembers = (self.remembers & ~reset) | stepped
        self.steps_here += stepped

        change = evaluation.gradient - self.loss_gradient
        self.memory.push(move, change, stepped.nonzero()[:, 0])
        # all rows take the trial point, then the few that refused it go back
        refused = (~accepted).nonzero()[:, 0]
        for trial, old in (
            (self.trial, self.images),
            (shift, self.shift),
            (evaluation.gradient, self.loss_gradient),
            (evaluation.loss, self.loss),
            (evaluation.margin, self.margin),
            (distance, self.distance),
        ):
            trial[refused] = old[refused]
        self.images, self.shift, self.distance = self.trial, shift, distance
        self.loss_gradient, self.loss = evaluation.gradient, evaluation.loss
        self.margin = evaluation.margin
        if fresh.any():
            self._start(fresh)
        self.half_gradient = self._half_gradient()
        self.residual = box.residual(self.images, self.half_gradient)
        self._keep_fallback(stepped if self._starts is None else accepted)
        left = (self.margin - self.search.required).abs() / self.search.gap
        tolerance = (settings.roughness * left).clamp(settings.stationarity, settings.roughest)
        error = torch.linalg.vector_norm(self.residual, dim=1)
        stationary = error <= tolerance * self.distance
        settled = accepted & (stationary | (self.steps_here >= settings.steps_per_weight))
        settled = (settled | stuck) & ~fresh & ~self.done
        self.step.masked_fill_(stuck, 1.0)
        self._settle(settled)
        self.fresh = torch.zeros_like(fresh)

    def _start(self, fresh):
        residual = box.residual(self.images, self.loss_gradient)
        gradient = self.loss_gradient * box.free_variables(residual)
        squared = gradient.square_().sum(1)
        if self._starts is None:
            self.search.start(fresh, self.margin, squared)
        else:
            self.search.start_beyond(fresh, self.distance, squared)
        self.weight = self.search.weight

    def _half_gradient(self, rows=slice(None)):
        """Half the gradient of the objective: shift + (c / 2) * gradient of the loss."""
        half = 0.5 * self.weight[rows, None]
        return torch.addcmul(self.shift[rows], half, self.loss_gradient[rows])

    def _keep_fallback(self, rows):
        """Record the nearest iterate that succeeds, for rows whose minimisers never do."""
        nearer = (self.margin >= self.search.required) & (self.distance < self.fallback_distance)
        kept = (rows & nearer & self.best_distance.isinf()).nonzero()[:, 0]
        if len(kept):
            self.fallback_distance[kept] = self.distance[kept]
            self._record(kept)

    def _record(self, rows):
        owner = self.owner[rows]
        self._solution.images[owner] = self.images[rows]
        self._solution.loss_weight[owner] = self.weight[rows]
        self._solution.found[owner] = True

    def _settle(self, settled):
        self.done |= self.evaluations >= self._settings.evaluations
        if not settled.any():
            return
        success, finished = self.search.update(settled, self.margin)
        better = (success & (self.distance < self.best_distance)).nonzero()[:, 0]
        if len(better):
            self._record(better)
            self.best_distance[better] = self.distance[better]
        self.steps_here.masked_fill_(settled, 0)
        self.done |= finished
        self.weight = self.search.weight
        moved = settled.nonzero()[:, 0]
        self.half_gradient[moved] = self._half_gradient(moved)
        self.residual[moved] = box.residual(self.images[moved], self.half_gradient[moved])

    def _propose(self):
        """Next trial point of every row: a projected quasi-Newton step."""
        free = box.free_variables(self.residual)
        direction = self.memory.direction(self.half_gradient, free, self.weight)
        self.trial = torch.addcmul(self.images, 2 * self.step[:, None], direction)
        box.project(self.trial)


_IMAGES = ("originals", "images", "shift", "trial", "half_gradient", "residual", "loss_gradient")
_NUMBERS = (
    *("loss", "margin", "step", "distance", "weight"),
    *("best_distance", "fallback_distance"),
)


def _dot(left, right):
    # a row product; torch.bmm of matrix-vector shapes is several times slower on a CPU
    return (left * right).sum(1)
