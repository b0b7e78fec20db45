"""Least distortion on the boundary itself: sequential projection of the original image.

The margin constraints are linearised at the iterate, and the original is projected on the box cut
by the half-spaces of the strongest rivals (`halfspaces`): a sequential quadratic programming step
(Nocedal & Wright, chapter 18) whose Hessian is the distortion's alone. A search along the ray from
the original (`ray`) puts the result back on the true boundary, so that iterates stay feasible and
the distortion falls monotonically. A step that does not shorten it is repeated with damping rho:

    min |y - x0|^2 + rho |y - x|^2   subject to the half-spaces and the box.

The cross-entropy's minimisers end slightly off this optimum (least distortion at equal loss is
not least distortion at equal class): no weight c can close that gap.
"""

from dataclasses import dataclass

import torch

from intriguing.attacks.batching import Batch, work_through
from intriguing.attacks.halfspaces import nearest_point
from intriguing.attacks.objective import contenders
from intriguing.attacks.problems import Solution
from intriguing.attacks.ray import FARTHEST, at_scale, nearest_on_ray


@dataclass(frozen=True)
class Settings:
    """Numerical settings of the polish; the defaults serve all models tried.

    rivals : half-spaces kept at once. Those that pressed on the last step stay, the rest are the
        strongest rivals of the target.
    decrease : a row is done when a step shortens its distortion by less than this fraction.
    steps : most linearisations for one image.
    tries : forward passes that put a step on the boundary.
    """

    rivals: int = 4
    decrease: float = 1e-4
    steps: int = 100
    tries: int = 3


DAMPING, LEAST_DAMPING, RELAXATION = 4.0, 0.5, 0.3
LARGEST_DAMPING = 100.0
# correction of the linearised boundary, relative to what the step shortened, that is a small one
CORRECTION = 0.5


def vectors(rivals):
    """Copies of its pixels that `solve` keeps for each image."""
    return 2 * rivals + 4


def solve(classifier, problems, starts, *, classes, settings, batch_size, report=None):
    """Nearest boundary points for N problems, from ``starts`` (N, n), feasible or not.

    Returns
    -------
    problems.Solution
        ``loss_weight`` is NaN: there is no c.
    crowded : bool Tensor (N,)
        As many rivals pressed as were kept, so that more of them may matter.
    """
    solution = Solution.empty(starts)
    crowded = torch.zeros(len(starts), dtype=torch.bool, device=starts.device)
    paired = len(problems) and bool((problems.rivals >= 0).all())
    slots = 1 if paired else min(settings.rivals, classes - 1)
    batch = _BoundaryBatch(
        classifier, problems, starts, classes, slots, solution, crowded, settings, batch_size
    )
    work_through(batch, len(problems), report)
    return solution, crowded


class _BoundaryBatch(Batch):
    def __init__(
        self, classifier, problems, starts, classes, slots, solution, crowded, settings, batch_size
    ):
        self._classifier, self._problems, self._starts = classifier, problems, starts
        self._classes, self._slots, self._settings = classes, slots, settings
        self._solution, self._crowded = solution, crowded
        rows = min(batch_size, len(problems))
        originals = problems.originals[:rows]
        options = {"dtype": originals.dtype, "device": originals.device}
        self.owner = torch.arange(rows, device=originals.device)
        self.originals, self.images = originals.clone(), originals.clone()
        self.targets = problems.targets[:rows].clone()
        self.steps = torch.zeros_like(self.targets)
        self.allowed = torch.zeros(rows, classes, **options)
        self.multipliers = torch.zeros(rows, classes, **options)
        self.required = torch.zeros(rows, **options)
        self.damping = torch.zeros(rows, **options)
        self.distance = torch.zeros(rows, **options)
        self.shortened = torch.zeros(rows, **options)
        self.done = torch.zeros(rows, dtype=torch.bool, device=originals.device)
        # large buffers cost more to allocate than to fill
        self._normals = [torch.zeros(rows, slots, originals.shape[1], **options)]
        self.enter(self.owner.clone(), self.owner.clone())

    def enter(self, rows, owner):
        problems = self._problems.take(owner)
        self.owner[rows] = owner
        self.originals[rows] = problems.originals
        self.images[rows] = self._starts[owner]
        self.targets[rows] = problems.targets
        self.required[rows] = problems.required
        self.allowed[rows] = contenders(
            problems.targets, problems.rivals, self._classes, self.allowed.dtype
        )
        self.multipliers[rows] = 0
        self.damping[rows] = 0
        self.distance[rows] = torch.inf
        self.shortened[rows] = torch.nan
        self.done[rows] = False
        self.steps[rows] = 0

    def leave(self, rows):
        owner = self.owner[rows]
        solution = self._solution
        solution.images[owner] = self.images[rows]
        solution.found[owner] = self.distance[rows].isfinite()
        solution.evaluations[owner] = self._slots * self.steps[rows]
        self._crowded[owner] = (self.multipliers[rows] > 0).sum(1) >= self._slots

    def turn(self):
        self.steps += ~self.done
        margin, rivals, normals, offsets = self._linearise()
        self._notice_feasible(margin)
        relaxed = 1 + self.damping[:, None]
        centre = torch.addcmul(self.originals, self.damping[:, None], self.images) / relaxed
        pressing = self.multipliers.gather(1, rivals) / relaxed
        nearest, pressing = nearest_point(centre, normals, offsets, pressing)
        moves = nearest - self.originals
        rises = (normals * moves[:, None]).sum(2)
        # the constraint that decides on the ray is one of those that press, the steepest if none
        slope = torch.where(pressing > 0, rises, torch.inf).amin(1)
        slope = torch.where(slope.isfinite(), slope, rises.amax(1)).clamp(min=1e-6)
        scale, margin_ahead = nearest_on_ray(
            *(self._classifier, self.originals, moves, self.targets, self.allowed),
            *(self.required, slope, self._settings.tries),
        )
        self._take(moves, scale, margin, margin_ahead, rivals, pressing * relaxed)

    def _linearise(self):
        """Margins over the rivals that are kept, at the iterate: normals x >= offsets."""
        logits, pullback = self._classifier.differentiate(self.images)
        column = self.targets[:, None]
        gaps = (logits.gather(1, column) - logits - self.allowed).scatter(1, column, torch.inf)
        strength = gaps - torch.where(self.multipliers > 0, 1e9, 0.0)
        rivals = strength.topk(self._slots, largest=False).indices
        rows = len(logits)
        normals = self._normals[0][:rows]
        minus, plus = logits.new_full((rows, 1), -1), logits.new_ones(rows, 1)
        for slot in range(self._slots):
            upstream = torch.zeros_like(logits).scatter_(1, column, plus)
            upstream.scatter_(1, rivals[:, slot : slot + 1], minus)
            normals[:, slot] = pullback(upstream, keep=slot + 1 < self._slots)
        gap = gaps.gather(1, rivals)
        offsets = self.required[:, None] - gap + (normals * self.images[:, None]).sum(2)
        return gaps.amin(1), rivals, normals, offsets

    def _notice_feasible(self, margin):
        feasible = (margin >= self.required) & self.distance.isinf()
        if feasible.any():
            norms = (self.images - self.originals).norm(dim=1)
            self.distance = torch.where(feasible, norms, self.distance)

    def _take(self, moves, scale, margin, margin_ahead, rivals, pressing):
        settings, working = self._settings, ~self.done
        reached = at_scale(self.originals, moves, scale.clamp(max=FARTHEST))
        distance = (reached - self.originals).norm(dim=1)
        nearer = scale.isfinite() & (distance < self.distance) & working
        # while no point of the boundary is known, come closer to it
        infeasible = self.distance.isinf()
        closer = infeasible & ~nearer & (margin_ahead > margin) & working
        shortened = torch.where(infeasible, 1.0, 1 - distance / self.distance)
        accepted = nearer | closer
        final = torch.where(nearer, scale.clamp(max=FARTHEST), 1.0)
        rows = accepted.nonzero()[:, 0]
        self.images[rows] = at_scale(self.originals[rows], moves[rows], final[rows])
        self.distance = torch.where(nearer, distance, self.distance)
        new = torch.zeros_like(self.multipliers).scatter_(1, rivals, pressing)
        self.multipliers = torch.where(accepted[:, None], new, self.multipliers)
        # converging fast, the next step would shorten by about the square of this over the last; a
        # first step tells how fast by how far the linearised boundary lay from the true one
        fast = (scale - 1).abs() <= CORRECTION * shortened
        before = torch.where(self.shortened.isnan(), torch.where(fast, 1.0, 0.0), self.shortened)
        expected = shortened * (shortened / before).clamp(max=1.0)
        # a damped step is shorter by about that factor
        settled = nearer & (expected * (1 + self.damping) < settings.decrease)
        self.shortened = torch.where(nearer, shortened, self.shortened)
        damped = (DAMPING * self.damping).clamp(min=LEAST_DAMPING)
        self.damping = torch.where(accepted, RELAXATION * self.damping, damped)
        self.done |= settled | (self.damping > LARGEST_DAMPING) | (self.steps >= settings.steps)
