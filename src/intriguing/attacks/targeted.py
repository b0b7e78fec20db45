"""Nearest point of one target class: a first-order path, then the search on the boundary."""

from __future__ import annotations

import dataclasses

import torch

from intriguing.attacks import boundary, margin_path, penalty_path
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.solver import Work

# rivals and linearisations where another start than the original is needed
MOST_RIVALS, MOST_STEPS = 16, 100


def vectors() -> int:
    """Copies of its pixels that `solve` keeps for each image in work."""
    return max(penalty_path.vectors(penalty_path.Settings()), boundary.vectors(MOST_RIVALS))


def solve(work: Work, problems: Problems, steps: int, settings: boundary.Settings) -> Solution:
    """From the path to the boundary; where the path misses the class, the paper's method first.

    Parameters
    ----------
    work : solver.Work
    problems : problems.Problems
        With a target each.
    steps : int
        Of the path.
    settings : boundary.Settings

    Returns
    -------
    problems.Solution
    """
    solution = margin_path.solve(work, problems, steps)
    work = work.quiet()
    rows = (~solution.found).nonzero()[:, 0]
    if len(rows):
        part, here = problems.take(rows), solution.take(rows)
        here.improve(margin_path.solve(work, part, steps, patient=True), part.originals)
        solution.put(rows, here)
    refine(work, problems, solution, settings)
    rows = (~solution.found).nonzero()[:, 0]
    if len(rows):
        # on saturated units the margin has hardly a gradient: cross-entropy leads further
        part, here = problems.take(rows), solution.take(rows)
        here.improve(penalty_path.solve(work, part, penalty_path.Settings()), part.originals)
        refine(work, part, here, _careful(settings))
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


def refine(work: Work, problems: Problems, solution: Solution, settings: boundary.Settings) -> None:
    """Improve a solution in place on the boundary."""
    nearest = boundary.solve(work, problems, solution.images, settings)
    solution.improve(nearest, problems.originals)


def _careful(settings: boundary.Settings) -> boundary.Settings:
    return dataclasses.replace(settings, rivals=MOST_RIVALS, steps=MOST_STEPS)
