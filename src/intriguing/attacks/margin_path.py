"""A path of first-order steps on the logit margin, from each original to a boundary and along it.

The iterate lies on a sphere about the original. A step goes along the gradient of the margin over
the strongest rival and back to the sphere; where the class is reached the sphere shrinks, elsewhere
it grows (the idea of DDN: Rony et al. 2019, 1811.09600). Once the class has been reached, steps
are long, some half of the radius, so that they cross the kinks and valleys in which a descent ends;
their length falls as a cosine. Only directions count: logits of any scale give the same path.
"""

from __future__ import annotations

import math

import torch

from intriguing.attacks import box
from intriguing.attacks.objective import Constraint
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.solver import Work

# lengths of steps as shares of the radius: the longest before and after the class is first reached,
# and the shortest
ARRIVING, LONGEST, SHORTEST = 0.4, 0.6, 0.015
# growth of the radius until the class is reached, then its change at first and at last
GROWTH, LARGEST_CHANGE, LEAST_CHANGE = 1.1, 0.3, 0.005
# bounds of the first radius, as a root mean square over the pixels
LEAST_RADIUS, LARGEST_RADIUS = 1e-5, 0.05
# squares of gradients smaller than this would leave single precision
TINY = 1e-15


def solve(work: Work, problems: Problems, steps: int, *, patient: bool = False) -> Solution:
    """Points of the target's class on the smallest of the spheres tried.

    Parameters
    ----------
    work : solver.Work
    problems : problems.Problems
        With a target each.
    steps : int
        Gradients for each problem.
    patient : bool
        Let the radius grow only where the margin has stopped rising: for the few whose boundary
        the growing sphere leaves behind.

    Returns
    -------
    problems.Solution
    """
    rows = torch.arange(len(problems), device=problems.originals.device)
    parts = [
        _follow(work, problems.take(some), steps, patient) for some in rows.split(work.batch_size)
    ]
    return Solution.join(parts)


def _follow(work: Work, problems: Problems, steps: int, patient: bool) -> Solution:
    originals, required = problems.originals, problems.required
    constraint = Constraint.of(problems, work.classes)
    solution = Solution.empty(originals)
    points, moves = originals.clone(), torch.zeros_like(originals)
    shortest = torch.full_like(required, torch.inf)
    length = radius = torch.zeros_like(required)
    before = torch.full_like(required, -torch.inf)
    for number in range(steps):
        # from 1 to 0
        share = (1 + math.cos(math.pi * number / steps)) / 2
        margin, gradient, slope = _uphill(work, points, constraint)
        reached = margin >= required
        nearer = (reached & (length < shortest)).nonzero()[:, 0]
        shortest[nearer] = length[nearer]
        solution.images[nearer] = points[nearer]
        arrived = shortest.isfinite()
        if number == 0:
            side = math.sqrt(originals.shape[1])
            linear = (required - margin) / slope
            radius = linear.clamp(LEAST_RADIUS * side, LARGEST_RADIUS * side)
        else:
            change = LEAST_CHANGE + (LARGEST_CHANGE - LEAST_CHANGE) * share
            growth = torch.where((margin > before) & patient, 1.0, GROWTH)
            grown = torch.where(arrived, 1 + change, growth) * radius
            radius = torch.where(reached, (1 - change) * length, grown).minimum(shortest)
        before = margin
        step = torch.where(arrived, LONGEST, ARRIVING)
        step = radius * (SHORTEST + (step - SHORTEST) * share)
        moves.addcmul_((step / slope)[:, None], gradient)
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
    work: Work, points: torch.Tensor, constraint: Constraint
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Margin (B,), a multiple of its gradient inside the box (B, n), and the norm of that (B,)."""
    logits, pullback = work.classifier.differentiate(points)
    column = constraint.targets[:, None]
    others = (logits + constraint.allowed).scatter(1, column, -torch.inf)
    strongest, rival = others.max(1, keepdim=True)
    margin = (logits.gather(1, column) - strongest)[:, 0]
    upstream = torch.zeros_like(logits).scatter_(1, column, 1.0).scatter_(1, rival, -1.0)
    gradient = box.inward(pullback(upstream), points)
    slope = gradient.norm(dim=1)
    faint = (slope < TINY).nonzero()[:, 0]
    if len(faint):
        gradient[faint] /= gradient[faint].abs().amax(1, keepdim=True).clamp(min=1e-38)
        slope[faint] = gradient[faint].norm(dim=1).clamp(min=TINY)
    return margin, gradient, slope
