"""A path of first-order steps on the logit margin, from each original to a boundary and along it.

The iterate lies on a sphere about the original. A step goes along the gradient of the margin and
back to the sphere; where the class is reached the sphere shrinks, elsewhere it grows (the idea of
DDN: Rony et al. 2019, 1811.09600). Once the class has been reached, steps are as long as the
radius, so that they cross the kinks and valleys in which a descent ends; their length falls as a
cosine. Only directions count: logits of any scale give the same path.

The strongest rival changes from step to step, and a path that follows it alone zigzags. The
gradient is that of a softened margin,

    logit[target] - T log sum_k exp(logit[k] / T)   over the rivals k,

where T is a share of what the step changes: rivals that the step could make the strongest count.
"""

from __future__ import annotations

import math

import torch

from intriguing.attacks import box
from intriguing.attacks.objective import Constraint
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.solver import Work

# lengths of steps as shares of the radius: before the class is first reached, then the longest (a
# single rival leaves nothing to zigzag about) and the shortest
ARRIVING, LONGEST, LONGEST_PAIRED, SHORTEST = 0.4, 1.0, 2.0, 0.015
# T relative to a step's length times the margin's slope
SOFTNESS = 0.06
# growth of the radius until the class is reached, then its change at first and at last
GROWTH, LARGEST_CHANGE, LEAST_CHANGE = 1.1, 0.3, 0.005
# bounds of the first radius, as a root mean square over the pixels
LEAST_RADIUS, LARGEST_RADIUS = 1e-5, 0.05
# squares of gradients smaller than this would leave single precision
TINY = 1e-15


def solve(
    work: Work,
    problems: Problems,
    steps: int,
    *,
    starts: torch.Tensor | None = None,
    patient: bool = False,
) -> Solution:
    """Points of the target's class on the smallest of the spheres tried.

    Parameters
    ----------
    work : solver.Work
    problems : problems.Problems
        With a target each.
    steps : int
        Gradients for each problem.
    starts : Tensor (N, n), optional
        Points to go on from; None: the originals.
    patient : bool
        Let the radius grow only where the margin has stopped rising: for the few whose boundary
        the growing sphere leaves behind.

    Returns
    -------
    problems.Solution
    """
    rows = torch.arange(len(problems), device=problems.originals.device)
    starts = problems.originals if starts is None else starts
    parts = [
        _follow(work, problems.take(some), starts[some], steps, patient)
        for some in rows.split(work.batch_size)
    ]
    return Solution.join(parts)


def _follow(
    work: Work, problems: Problems, points: torch.Tensor, steps: int, patient: bool
) -> Solution:
    originals, required = problems.originals, problems.required
    constraint = Constraint.of(problems, work.classes)
    solution = Solution.empty(points)
    moves = points - originals
    length = radius = moves.norm(dim=1)
    shortest = torch.full_like(required, torch.inf)
    softness = torch.zeros_like(required)
    before = torch.full_like(required, -torch.inf)
    paired = (problems.rivals >= 0) | (work.classes == 2)
    longest = torch.where(paired, LONGEST_PAIRED, LONGEST)
    for number in range(steps):
        # from 1 to 0
        share = (1 + math.cos(math.pi * number / steps)) / 2
        margin, slope, gradient, norm = _uphill(work, points, constraint, softness)
        reached = margin >= required
        nearer = (reached & (length < shortest)).nonzero()[:, 0]
        shortest[nearer] = length[nearer]
        solution.images[nearer] = points[nearer]
        arrived = shortest.isfinite()
        if number == 0:
            side = math.sqrt(originals.shape[1])
            linear = (required - margin) / slope
            linear = linear.clamp(LEAST_RADIUS * side, LARGEST_RADIUS * side)
            radius = torch.where(length > 0, length, linear)
        else:
            change = LEAST_CHANGE + (LARGEST_CHANGE - LEAST_CHANGE) * share
            growth = torch.where((margin > before) & patient, 1.0, GROWTH)
            grown = torch.where(arrived, 1 + change, growth) * radius
            radius = torch.where(reached, (1 - change) * length, grown).minimum(shortest)
        before = margin
        step = torch.where(arrived, longest, ARRIVING)
        step = radius * (SHORTEST + (step - SHORTEST) * share)
        softness = SOFTNESS * step * slope
        moves.addcmul_((step / norm)[:, None], gradient)
        scale = radius / moves.norm(dim=1).clamp(min=1e-30)
        points = torch.addcmul(originals, scale[:, None], moves).clamp_(0, 1)
        torch.sub(points, originals, out=moves)
        length = moves.norm(dim=1)
    solution.found = shortest.isfinite()
    missing = (~solution.found).nonzero()[:, 0]
    solution.images[missing] = points[missing]
    solution.evaluations += steps
    return solution


def _uphill(
    work: Work, points: torch.Tensor, constraint: Constraint, softness: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The margin and the direction in which it rises, softened by T (B,).

    Returns
    -------
    margin : Tensor (B,)
        Not softened.
    slope : Tensor (B,)
        Norm of the softened margin's gradient inside the box.
    gradient : Tensor (B, n)
        A multiple of that gradient.
    norm : Tensor (B,)
        Of the multiple.
    """
    logits, pullback = work.classifier.differentiate(points)
    column = constraint.targets[:, None]
    others = (logits + constraint.allowed).scatter(1, column, -torch.inf)
    strongest = others.amax(1, keepdim=True)
    margin = (logits.gather(1, column) - strongest)[:, 0]
    weights = torch.softmax((others - strongest) / softness.clamp(min=1e-30)[:, None], 1)
    gradient = box.inward(pullback(weights.neg_().scatter_(1, column, 1.0)), points)
    norm = gradient.norm(dim=1)
    slope = norm.clamp(min=TINY)
    faint = (norm < TINY).nonzero()[:, 0]
    if len(faint):
        largest = gradient[faint].abs().amax(1).clamp(min=1e-38)
        gradient[faint] /= largest[:, None]
        norm[faint] = gradient[faint].norm(dim=1).clamp(min=TINY)
        slope[faint] = largest * norm[faint]
    return margin, slope, gradient, norm
