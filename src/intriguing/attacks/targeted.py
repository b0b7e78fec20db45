"""Nearest point of one target class: a rough run of the paper's method, then the boundary."""

from __future__ import annotations

import dataclasses

import torch

from intriguing.attacks import boundary, penalty_path
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.solver import Work

# a start near the boundary, in the right valley, is all that the search on the boundary needs; so
# short a run gains less from more curvature pairs than they cost
ROUGH = penalty_path.Settings(
    memory=2, stationarity=0.1, margin_tolerance=0.1, weight_tolerance=0.1
)
# where more rivals press than were used
MOST_RIVALS = 16


def vectors() -> int:
    """Copies of its pixels that `solve` keeps for each image in work."""
    return max(penalty_path.vectors(ROUGH), boundary.vectors(MOST_RIVALS))


def solve(work: Work, problems: Problems, settings: boundary.Settings) -> Solution:
    """From a rough minimiser to the boundary; with more care where that is not enough.

    Parameters
    ----------
    work : solver.Work
    problems : problems.Problems
        With a target each.
    settings : boundary.Settings

    Returns
    -------
    problems.Solution
    """
    solution = penalty_path.solve(work, problems, ROUGH)
    work = work.quiet()
    crowded = refine(work, problems, solution, settings)
    careful = _careful(settings)
    rows = crowded.nonzero()[:, 0]
    if settings.rivals < work.classes - 1 and len(rows):
        part, here = problems.take(rows), solution.take(rows)
        refine(work, part, here, careful)
        solution.put(rows, here)
    rows = (~solution.found).nonzero()[:, 0]
    if len(rows):
        part, here = problems.take(rows), solution.take(rows)
        here.improve(penalty_path.solve(work, part, penalty_path.Settings()), part.originals)
        refine(work, part, here, careful)
        solution.put(rows, here)
    solution.loss_weight.fill_(torch.nan)
    return solution


def from_starts(
    work: Work, problems: Problems, starts: torch.Tensor, settings: boundary.Settings
) -> Solution:
    """From points (N, n) of the target's class to the lowest point of their valley."""
    solution = penalty_path.solve(work, problems, penalty_path.Settings(), starts)
    refine(work, problems, solution, _careful(settings))
    solution.loss_weight.fill_(torch.nan)
    return solution


def refine(
    work: Work, problems: Problems, solution: Solution, settings: boundary.Settings
) -> torch.Tensor:
    """Improve a solution in place on the boundary; return which of its rows are crowded."""
    nearest, crowded = boundary.solve(work, problems, solution.images, settings)
    solution.improve(nearest, problems.originals)
    return crowded


def _careful(settings: boundary.Settings) -> boundary.Settings:
    return dataclasses.replace(settings, rivals=MOST_RIVALS)
