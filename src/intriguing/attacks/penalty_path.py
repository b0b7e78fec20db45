"""Minimisers of the penalised objective at the smallest weight c that succeeds, for a batch.

A turn evaluates the trial points of all rows (one gradient each), accepts or shortens each step,
lets the rows that reached their minimiser move their c, and proposes the next trial points.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from intriguing.attacks import box, line_search
from intriguing.attacks.batching import Batch, work_through
from intriguing.attacks.curvature import CurvatureMemory
from intriguing.attacks.objective import Constraint, Evaluation, evaluate
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.solver import Work
from intriguing.attacks.weight_search import WeightSearch


@dataclass(frozen=True)
class Settings:
    """Numerical settings of the search; the defaults serve all models tried.

    Parameters
    ----------
    memory : int
        Curvature pairs stored for each image.
    stationarity : float
        A minimiser is accepted when |x - P(x - gradient/2)| <= stationarity * |x - x0|. Half the
        gradient is the distance to the minimum of the distortion term.
    roughness, roughest : float
        Away from the boundary a rough minimiser shows on which side of it the exact one lies:
        there the stationarity asked is ``roughness`` times the share of the original margin that
        is left, at most ``roughest``.
    steps_per_weight : int
        Most accepted steps for one c; at kinks the minimiser is never stationary, and more steps
        zigzag.
    weight_tolerance, margin_tolerance : float
        See `weight_search.WeightSearch`.
    evaluations : int
        Most gradient evaluations for one image in one call of `solve`; an image that reaches it
        keeps the best it has.
    """

    memory: int = 4
    stationarity: float = 3e-2
    roughness: float = 3.0
    roughest: float = 0.5
    steps_per_weight: int = 20
    weight_tolerance: float = 4e-3
    margin_tolerance: float = 3e-3
    evaluations: int = 1000


# tensors (B, n) of a batch besides its curvature memory
_IMAGES = 7


def vectors(settings: Settings) -> int:
    """Copies of its pixels that `solve` keeps for each image."""
    return 4 * settings.memory + 2 + _IMAGES


def solve(
    work: Work, problems: Problems, settings: Settings, starts: torch.Tensor | None = None
) -> Solution:
    """Smallest-c minimisers for N problems, whatever their number.

    Parameters
    ----------
    work : solver.Work
    problems : problems.Problems
        With a target each.
    settings : Settings
    starts : Tensor (N, n), optional
        Points of the target's class to start from, instead of the originals: the path is then
        followed from there towards smaller c.

    Returns
    -------
    problems.Solution
    """
    solution = Solution.empty(problems.originals)
    task = _Task(work, problems, settings, starts, solution)
    rows = min(work.batch_size, len(problems))
    batch = _PathBatch(task, torch.arange(rows, device=problems.originals.device))
    work_through(batch, len(problems), work.report)
    return solution


@dataclass(frozen=True, eq=False, repr=False)
class _Task:
    """The arguments of `solve`, and the solution that it returns."""

    work: Work
    problems: Problems
    settings: Settings
    starts: torch.Tensor | None
    solution: Solution


@dataclass(init=False, eq=False, repr=False)
class _PathBatch(Batch):
    """Rows in work, each somewhere on the path of its minimisers.

    Parameters
    ----------
    task : _Task
    owner : int64 Tensor (B,)
        The problems to begin with.

    Attributes
    ----------
    originals : Tensor (B, n)
    images : Tensor (B, n)
        The iterate.
    shift : Tensor (B, n)
        Iterate minus original.
    trial : Tensor (B, n)
        The point to evaluate next.
    loss_gradient, half_gradient : Tensor (B, n)
        Gradient of the loss, and half that of the objective, at the iterate.
    residual : Tensor (B, n)
        `box.residual` at the iterate.
    loss, margin, distance : Tensor (B,)
        At the iterate; the distance is the norm of the shift.
    step : Tensor (B,)
        Length of the next step, as a share of the quasi-Newton step.
    weight : Tensor (B,)
        The present c.
    best_distance : Tensor (B,)
        Distance of the nearest minimiser that succeeded; infinity: none yet.
    fallback_distance : Tensor (B,)
        Distance of the nearest other iterate that succeeded.
    remembers : bool Tensor (B,)
        There are curvature pairs.
    fresh : bool Tensor (B,)
        The first trial point is not evaluated yet.
    steps_here, evaluations : int64 Tensor (B,)
        Accepted steps at the present c; gradients so far.
    constraint : Constraint
    search : WeightSearch
    memory : CurvatureMemory
    """

    originals: torch.Tensor
    images: torch.Tensor
    shift: torch.Tensor
    trial: torch.Tensor
    loss_gradient: torch.Tensor
    half_gradient: torch.Tensor
    residual: torch.Tensor
    loss: torch.Tensor
    margin: torch.Tensor
    distance: torch.Tensor
    step: torch.Tensor
    weight: torch.Tensor
    best_distance: torch.Tensor
    fallback_distance: torch.Tensor
    remembers: torch.Tensor
    fresh: torch.Tensor
    steps_here: torch.Tensor
    evaluations: torch.Tensor
    constraint: Constraint
    search: WeightSearch
    memory: CurvatureMemory

    def __init__(self, task: _Task, owner: torch.Tensor) -> None:
        self._task = task
        settings = task.settings
        problems = task.problems.take(owner)
        # each field has a tensor of its own, since `put` writes into them
        self.owner = owner.clone()
        self.done = torch.zeros_like(owner, dtype=torch.bool)
        self.originals = problems.originals
        starts = problems.originals if task.starts is None else task.starts[owner]
        self.images, self.trial = starts.clone(), starts.clone()
        self.shift = torch.zeros_like(starts)
        self.loss_gradient = torch.zeros_like(starts)
        self.half_gradient = torch.zeros_like(starts)
        self.residual = torch.zeros_like(starts)
        self.loss = starts.new_zeros(len(owner))
        self.margin = torch.zeros_like(self.loss)
        self.distance = torch.zeros_like(self.loss)
        self.step = torch.ones_like(self.loss)
        self.weight = torch.zeros_like(self.loss)
        self.best_distance = torch.full_like(self.loss, torch.inf)
        self.fallback_distance = torch.full_like(self.loss, torch.inf)
        self.remembers = torch.zeros_like(self.done)
        self.fresh = torch.ones_like(self.done)
        self.steps_here = torch.zeros_like(owner)
        self.evaluations = torch.zeros_like(owner)
        self.constraint = Constraint.of(problems, task.work.classes)
        self.search = WeightSearch(self.loss, settings.weight_tolerance, settings.margin_tolerance)
        self.memory = CurvatureMemory(
            len(owner),
            starts.shape[1],
            settings.memory,
            dtype=starts.dtype,
            device=starts.device,
        )

    def turn(self) -> None:
        self._take(evaluate(self._task.work.classifier, self.trial, self.constraint))
        self._propose()

    def enter(self, rows: torch.Tensor, owner: torch.Tensor) -> None:
        self.put(rows, _PathBatch(self._task, owner))

    def leave(self, rows: torch.Tensor) -> None:
        owner = self.owner[rows]
        solution = self._task.solution
        solution.evaluations[owner] = self.evaluations[rows]
        failed = rows[~solution.found[owner]]
        solution.images[self.owner[failed]] = self.images[failed]

    def _take(self, evaluation: Evaluation) -> None:
        """Accept or refuse the trial points; settle the rows that reached their minimiser."""
        settings, fresh = self._task.settings, self.fresh
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
        self._keep_fallback(stepped if self._task.starts is None else accepted)
        left = (self.margin - self.constraint.required).abs() / self.search.gap
        tolerance = (settings.roughness * left).clamp(settings.stationarity, settings.roughest)
        error = torch.linalg.vector_norm(self.residual, dim=1)
        stationary = error <= tolerance * self.distance
        settled = accepted & (stationary | (self.steps_here >= settings.steps_per_weight))
        settled = (settled | stuck) & ~fresh & ~self.done
        self.step.masked_fill_(stuck, 1.0)
        self._settle(settled)
        self.fresh = torch.zeros_like(fresh)

    def _start(self, fresh: torch.Tensor) -> None:
        residual = box.residual(self.images, self.loss_gradient)
        gradient = self.loss_gradient * box.free_variables(residual)
        squared = gradient.square_().sum(1)
        if self._task.starts is None:
            self.search.start(fresh, self.constraint.required - self.margin, squared)
        else:
            self.search.start_beyond(fresh, self.distance, squared)
        self.weight = self.search.weight

    def _half_gradient(self, rows: torch.Tensor | slice = slice(None)) -> torch.Tensor:
        """Half the gradient of the objective: shift + (c / 2) * gradient of the loss."""
        half = 0.5 * self.weight[rows, None]
        return torch.addcmul(self.shift[rows], half, self.loss_gradient[rows])

    def _keep_fallback(self, rows: torch.Tensor) -> None:
        """Record the nearest iterate that succeeds, for rows whose minimisers never do."""
        succeeds = self.margin >= self.constraint.required
        nearer = succeeds & (self.distance < self.fallback_distance)
        chosen = (rows & nearer & self.best_distance.isinf()).nonzero()[:, 0]
        if len(chosen):
            self.fallback_distance[chosen] = self.distance[chosen]
            self._record(chosen)

    def _record(self, rows: torch.Tensor) -> None:
        owner = self.owner[rows]
        solution = self._task.solution
        solution.images[owner] = self.images[rows]
        solution.loss_weight[owner] = self.weight[rows]
        solution.found[owner] = True

    def _settle(self, settled: torch.Tensor) -> None:
        self.done |= self.evaluations >= self._task.settings.evaluations
        if not settled.any():
            return
        success, finished = self.search.update(settled, self.margin, self.constraint.required)
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

    def _propose(self) -> None:
        """Next trial point of every row: a projected quasi-Newton step."""
        free = box.free_variables(self.residual)
        direction = self.memory.direction(self.half_gradient, free, self.weight)
        self.trial = torch.addcmul(self.images, 2 * self.step[:, None], direction)
        box.project(self.trial)


def _dot(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    # a row product; torch.bmm of matrix-vector shapes is several times slower on a CPU
    return (left * right).sum(1)
