"""Least distortion on the boundary itself: sequential projection of the original image.

The margin constraints are linearised at the iterate, and the original is projected on the box cut
by the half-spaces of the strongest rivals (`halfspaces`): a sequential quadratic programming step
(Nocedal & Wright, chapter 18) whose Hessian is the distortion's alone. A search along the ray from
the original (`ray`) puts the result back on the true boundary, so that iterates stay feasible and
the distortion falls monotonically. Steps are damped by rho, since the search begins close by:

    min |y - x0|^2 + rho |y - x|^2   subject to the half-spaces and the box,

less where the linearised boundary proves true, more where a step does not shorten the distance.

The cross-entropy's minimisers end slightly off this optimum (least distortion at equal loss is
not least distortion at equal class): no weight c can close that gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from intriguing.attacks.batching import Batch, work_through
from intriguing.attacks.halfspaces import nearest_point
from intriguing.attacks.objective import Constraint
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.ray import FARTHEST, at_scale, nearest_on_ray
from intriguing.attacks.solver import Work


@dataclass(frozen=True)
class Settings:
    """Numerical settings of the search on the boundary; the defaults serve all models tried.

    Parameters
    ----------
    rivals : int
        Half-spaces used at once. Those that pressed on the last step stay, the rest are the
        strongest rivals of the target.
    decrease : float
        A row is done when what further steps could shorten is estimated to be less than this
        fraction of its distortion.
    steps : int
        Most linearisations for one image.
    tries : int
        Forward passes that put a step on the boundary.
    """

    rivals: int = 4
    decrease: float = 1e-4
    steps: int = 5
    tries: int = 2


# rho at first; undamped, steps from near the optimum overshoot wherever the boundary has kinks
FIRST_DAMPING, DAMPING, RELAXATION = 16.0, 4.0, 0.1
LEAST_DAMPING, LARGEST_DAMPING = 0.5, 100.0
# correction of the linearised boundary, relative to what the step shortened, that is a small one
CORRECTION = 0.5


def vectors(rivals: int) -> int:
    """Copies of its pixels that `solve` keeps for each image."""
    return 2 * rivals + 4


def solve(work: Work, problems: Problems, starts: torch.Tensor, settings: Settings) -> Solution:
    """Nearest boundary points for N problems, from ``starts`` (N, n), feasible or not.

    Progress is not reported.

    Returns
    -------
    problems.Solution
        ``loss_weight`` is NaN: there is no c.
    """
    solution = Solution.empty(starts)
    paired = len(problems) > 0 and bool((problems.rivals >= 0).all())
    slots = 1 if paired else min(settings.rivals, work.classes - 1)
    rows = min(work.batch_size, len(problems))
    # large buffers cost more to allocate than to fill
    normals = starts.new_zeros(rows, slots, starts.shape[1])
    task = _Task(work, problems, settings, starts, solution, normals)
    batch = _BoundaryBatch(task, torch.arange(rows, device=starts.device))
    work_through(batch, len(problems))
    return solution


@dataclass(frozen=True, eq=False, repr=False)
class _Task:
    """The arguments of `solve`, what it returns, and a buffer for the normals (B, slots, n)."""

    work: Work
    problems: Problems
    settings: Settings
    starts: torch.Tensor
    solution: Solution
    normals: torch.Tensor

    @property
    def slots(self) -> int:
        """Rivals used at once."""
        return self.normals.shape[1]


@dataclass(eq=False, repr=False)
class _HalfSpaces:
    """The margins over the strongest rivals, linearised at the iterate: normals x >= offsets.

    Parameters
    ----------
    margin : Tensor (B,)
        Over all rivals, at the iterate.
    rivals : int64 Tensor (B, slots)
    normals : Tensor (B, slots, n)
    offsets : Tensor (B, slots)
    """

    margin: torch.Tensor
    rivals: torch.Tensor
    normals: torch.Tensor
    offsets: torch.Tensor


@dataclass(eq=False, repr=False)
class _Step:
    """A step that is proposed: the projected original, then the ray through it.

    Parameters
    ----------
    moves : Tensor (B, n)
        From the original.
    multipliers : Tensor (B, classes)
        Multipliers of the projection's half-spaces.
    scale : Tensor (B,)
        Scale of the move that ends on the boundary; infinity where none was found.
    margin : Tensor (B,)
        At scale 1.
    """

    moves: torch.Tensor
    multipliers: torch.Tensor
    scale: torch.Tensor
    margin: torch.Tensor


@dataclass(init=False, eq=False, repr=False)
class _BoundaryBatch(Batch):
    """Rows in work, each at a point of its boundary, or on the way to it.

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
    constraint : Constraint
    multipliers : Tensor (B, classes)
        How hard each rival pressed on the last accepted step; 0: not at all.
    damping : Tensor (B,)
        rho.
    distance : Tensor (B,)
        Norm of iterate minus original; infinity while the iterate is not feasible.
    shortened : Tensor (B,)
        Fraction by which the last accepted step shortened the distance; NaN before the first.
    steps : int64 Tensor (B,)
        Linearisations so far.
    """

    originals: torch.Tensor
    images: torch.Tensor
    constraint: Constraint
    multipliers: torch.Tensor
    damping: torch.Tensor
    distance: torch.Tensor
    shortened: torch.Tensor
    steps: torch.Tensor

    def __init__(self, task: _Task, owner: torch.Tensor) -> None:
        self._task = task
        problems = task.problems.take(owner)
        # each field has a tensor of its own, since `put` writes into them
        self.owner = owner.clone()
        self.done = torch.zeros_like(owner, dtype=torch.bool)
        self.originals = problems.originals
        self.images = task.starts[owner]
        self.constraint = Constraint.of(problems, task.work.classes)
        self.multipliers = torch.zeros_like(self.constraint.allowed)
        self.damping = self.originals.new_full((len(owner),), FIRST_DAMPING)
        self.distance = torch.full_like(self.damping, torch.inf)
        self.shortened = torch.full_like(self.damping, torch.nan)
        self.steps = torch.zeros_like(owner)

    def enter(self, rows: torch.Tensor, owner: torch.Tensor) -> None:
        self.put(rows, _BoundaryBatch(self._task, owner))

    def leave(self, rows: torch.Tensor) -> None:
        owner = self.owner[rows]
        solution, slots = self._task.solution, self._task.slots
        solution.images[owner] = self.images[rows]
        solution.found[owner] = self.distance[rows].isfinite()
        solution.evaluations[owner] = slots * self.steps[rows]

    def turn(self) -> None:
        self.steps += ~self.done
        halfspaces = self._linearise()
        self._notice_feasible(halfspaces.margin)
        self._take(self._propose(halfspaces), halfspaces.margin)

    def _linearise(self) -> _HalfSpaces:
        task = self._task
        logits, pullback = task.work.classifier.differentiate(self.images)
        column = self.constraint.targets[:, None]
        gaps = logits.gather(1, column) - logits - self.constraint.allowed
        gaps = gaps.scatter(1, column, torch.inf)
        strength = gaps - torch.where(self.multipliers > 0, 1e9, 0.0)
        rivals = strength.topk(task.slots, largest=False).indices
        rows = len(logits)
        normals = task.normals[:rows]
        minus, plus = logits.new_full((rows, 1), -1), logits.new_ones(rows, 1)
        for slot in range(task.slots):
            upstream = torch.zeros_like(logits).scatter_(1, column, plus)
            upstream.scatter_(1, rivals[:, slot : slot + 1], minus)
            normals[:, slot] = pullback(upstream, keep=slot + 1 < task.slots)
        gap = gaps.gather(1, rivals)
        shift = (normals * self.images[:, None]).sum(2)
        offsets = self.constraint.required[:, None] - gap + shift
        return _HalfSpaces(gaps.amin(1), rivals, normals, offsets)

    def _notice_feasible(self, margin: torch.Tensor) -> None:
        feasible = (margin >= self.constraint.required) & self.distance.isinf()
        if feasible.any():
            norms = (self.images - self.originals).norm(dim=1)
            self.distance = torch.where(feasible, norms, self.distance)

    def _propose(self, halfspaces: _HalfSpaces) -> _Step:
        relaxed = 1 + self.damping[:, None]
        centre = torch.addcmul(self.originals, self.damping[:, None], self.images) / relaxed
        pressing = self.multipliers.gather(1, halfspaces.rivals) / relaxed
        nearest, pressing = nearest_point(centre, halfspaces.normals, halfspaces.offsets, pressing)
        moves = nearest - self.originals
        rises = (halfspaces.normals * moves[:, None]).sum(2)
        # the constraint that decides on the ray is one of those that press, the steepest if none
        slope = torch.where(pressing > 0, rises, torch.inf).amin(1)
        slope = torch.where(slope.isfinite(), slope, rises.amax(1)).clamp(min=1e-30)
        scale, margin = nearest_on_ray(
            self._task.work.classifier,
            self.originals,
            moves,
            self.constraint,
            slope=slope,
            tries=self._task.settings.tries,
        )
        multipliers = torch.zeros_like(self.multipliers)
        multipliers.scatter_(1, halfspaces.rivals, pressing * relaxed)
        return _Step(moves, multipliers, scale, margin)

    def _take(self, step: _Step, margin: torch.Tensor) -> None:
        """Accept or refuse a step; ``margin`` is that of the iterate."""
        settings, working = self._task.settings, ~self.done
        reached = at_scale(self.originals, step.moves, step.scale.clamp(max=FARTHEST))
        distance = (reached - self.originals).norm(dim=1)
        nearer = step.scale.isfinite() & (distance < self.distance) & working
        # while no point of the boundary is known, come closer to it
        infeasible = self.distance.isinf()
        closer = infeasible & ~nearer & (step.margin > margin) & working
        shortened = torch.where(infeasible, 1.0, 1 - distance / self.distance)
        accepted = nearer | closer
        final = torch.where(nearer, step.scale.clamp(max=FARTHEST), 1.0)
        rows = accepted.nonzero()[:, 0]
        self.images[rows] = at_scale(self.originals[rows], step.moves[rows], final[rows])
        self.distance = torch.where(nearer, distance, self.distance)
        self.multipliers = torch.where(accepted[:, None], step.multipliers, self.multipliers)
        # converging fast, the next step would shorten by about the square of this over the last; a
        # first step shows how fast by how far the linearised boundary lay from the true one
        fast = (step.scale - 1).abs() <= CORRECTION * shortened
        before = torch.where(self.shortened.isnan(), torch.where(fast, 1.0, 0.0), self.shortened)
        rate = (shortened / before).clamp(max=1.0)
        # a damped step leaves rho / (1 + rho) of the way, and of the excess the square of that
        damped_rate = self.damping**2 / (1 + 2 * self.damping)
        settled = nearer & (shortened * torch.maximum(rate, damped_rate) < settings.decrease)
        self.shortened = torch.where(nearer & ~infeasible, shortened, self.shortened)
        damped = (DAMPING * self.damping).clamp(min=LEAST_DAMPING)
        relaxed = torch.where(fast | closer, RELAXATION, 1.0) * self.damping
        self.damping = torch.where(accepted, relaxed, damped)
        self.done |= settled | (self.damping > LARGEST_DAMPING) | (self.steps >= settings.steps)
