"""Nearest point of one target class: a rough run of the paper's method, then the polish."""

import dataclasses

import torch

from intriguing.attacks import boundary as polish
from intriguing.attacks import penalty_path as penalised

# a start near the boundary, in the right valley, is all that the polish needs; so short a run gains
# less from more curvature pairs than they cost
ROUGH = penalised.Settings(memory=2, stationarity=0.1, margin_tolerance=0.1, weight_tolerance=0.1)
# where more rivals press than the polish kept
MOST_RIVALS = 16


def vectors():
    """Copies of its pixels that `solve` keeps for each image in work."""
    return max(penalised.vectors(ROUGH), polish.vectors(MOST_RIVALS))


def solve(work, problems, settings, report=None):
    """From a rough minimiser to the boundary; with more care where that does not do.

    Parameters
    ----------
    work : protocol.Work
    problems : problems.Problems
    settings : polish.Settings

    Returns
    -------
    problems.Solution
    """
    every = {"classes": work.classes, "batch_size": work.batch_size}
    solution = penalised.solve(work.classifier, problems, settings=ROUGH, report=report, **every)
    crowded = refine(work, problems, solution, settings)
    if settings.rivals < work.classes - 1:
        rows = crowded.nonzero()[:, 0]
        more = dataclasses.replace(settings, rivals=MOST_RIVALS)
        _redo(work, problems, solution, rows, more, lambda part: None)
    rows = (~solution.found).nonzero()[:, 0]
    _redo(
        *(work, problems, solution, rows, dataclasses.replace(settings, rivals=MOST_RIVALS)),
        lambda part: penalised.solve(work.classifier, part, settings=penalised.Settings(), **every),
    )
    solution.loss_weight.fill_(torch.nan)
    return solution


def polished(work, problems, starts, settings):
    """From points of the target's class to the lowest one of their valley, a Solution."""
    every = {"classes": work.classes, "batch_size": work.batch_size}
    solution = penalised.solve(
        work.classifier, problems, settings=penalised.Settings(), starts=starts, **every
    )
    refine(work, problems, solution, dataclasses.replace(settings, rivals=MOST_RIVALS))
    solution.loss_weight.fill_(torch.nan)
    return solution


def refine(work, problems, solution, settings):
    """Polish a solution in place; return which of its rows are crowded."""
    polished, crowded = polish.solve(
        work.classifier,
        problems,
        solution.images,
        classes=work.classes,
        settings=settings,
        batch_size=work.batch_size,
    )
    solution.improve(polished, problems.originals)
    return crowded


def _redo(work, problems, solution, rows, settings, start):
    """Polish some rows again, from the start that is given or from where they are."""
    if not len(rows):
        return
    part, here = problems.take(rows), solution.take(rows)
    fresh = start(part)
    if fresh is not None:
        here.improve(fresh, part.originals)
    refine(work, part, here, settings)
    solution.put(rows, here)
