"""Nearest point of any other class: the best of a few candidates, each a pair with the label."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

from intriguing.attacks import boundary, targeted
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.solver import Work
from intriguing.attacks.targets import RANKED, nearest_classes

# Linearised distances tell the order of the true ones roughly: a candidate further than this,
# relative to the first, rarely wins (0.1 % of the mean distortion on a sigmoid net).
PROMISING = 1.15
# a search on the boundary of more steps than this crawls along kinks (ReLU, max-pools), where the
# start decides which valley is found; on smooth models it takes three to five
CRAWLING = 15


def solve(work: Work, problems: Problems, candidates: int, settings: boundary.Settings) -> Solution:
    """Nearest point with another class than the label, over a few candidates for that class.

    Parameters
    ----------
    work : solver.Work
    problems : problems.Problems
        Without targets: the rivals are the labels.
    candidates : int
        Classes tried at most.
    settings : boundary.Settings

    Returns
    -------
    problems.Solution
    """
    quiet = work.quiet()
    ranked, distances = nearest_classes(
        work.classifier,
        problems.originals,
        problems.rivals,
        candidates,
        batch_size=work.batch_size,
    )
    promising = distances <= PROMISING * distances[:, :1]
    promising[:, 0] = True
    at_once = max(work.batch_size, work.at_hand // ranked.shape[1])
    parts = []
    for start in range(0, len(problems), at_once):
        rows = slice(start, start + at_once)
        parts.append(
            _nearest_candidate(quiet, problems.take(rows), ranked[rows], promising[rows], settings)
        )
    best = Solution.join([part.solution for part in parts])
    reached = torch.cat([part.targets for part in parts])
    crawling = torch.cat([part.crawling for part in parts])

    def try_again(rows: torch.Tensor, targets: torch.Tensor) -> None:
        part, here = problems.take(rows), best.take(rows)
        part.targets = targets
        nearer = here.improve(targeted.solve(quiet, part, settings), part.originals)
        best.put(rows, here)
        reached[rows[nearer]] = targets[nearer]

    rows = (~best.found).nonzero()[:, 0]
    for rank in range(1, ranked.shape[1]) if len(rows) else ():
        # none of those that looked promising can be reached
        try_again(rows, ranked[rows, rank])
    rows = (best.found & crawling).nonzero()[:, 0]
    if len(rows):
        # from the valley that cross-entropy finds
        try_again(rows, reached[rows])
    work.report(len(problems))
    refine_overtaken(quiet, dataclasses.replace(problems, targets=reached), best, settings)
    # ranking took a gradient for each class
    best.evaluations += min(work.classes - 1, RANKED)
    return best


def refine_overtaken(
    work: Work, problems: Problems, solution: Solution, settings: boundary.Settings
) -> None:
    """Search the boundary again, in place, where another class has overtaken the target.

    Its boundary with the label is nearer still. ``problems`` have the labels as rivals.
    """
    leading = _leading(work, solution.images, problems.rivals)
    rows = (solution.found & (leading != problems.targets)).nonzero()[:, 0]
    if len(rows):
        part, here = problems.take(rows), solution.take(rows)
        part.targets = leading[rows]
        targeted.refine(work, part, here, settings)
        solution.put(rows, here)


@dataclass(eq=False, repr=False)
class _Nearest:
    """The nearest of the candidates of N images.

    Parameters
    ----------
    solution : problems.Solution
        With the evaluations of all candidates.
    targets : int64 Tensor (N,)
    crawling : bool Tensor (N,)
        The search on the boundary was slow.
    """

    solution: Solution
    targets: torch.Tensor
    crawling: torch.Tensor


def _nearest_candidate(
    work: Work,
    problems: Problems,
    ranked: torch.Tensor,
    promising: torch.Tensor,
    settings: boundary.Settings,
) -> _Nearest:
    """Solve every promising pair of an image and a class; select the nearest of each image."""
    image, rank = promising.nonzero(as_tuple=True)
    pairs = problems.take(image)
    pairs.targets = ranked[image, rank]
    solution = Solution.empty(pairs.originals)
    targeted.refine(work, pairs, solution, settings)
    lost = (~solution.found).nonzero()[:, 0]
    if len(lost):
        # the linearisation leads nowhere, as on saturated units: cross-entropy first
        again = targeted.solve(work, pairs.take(lost), settings)
        again.evaluations += solution.evaluations[lost]
        solution.put(lost, again)
    distances = torch.full_like(ranked, torch.inf, dtype=pairs.originals.dtype)
    distances[image, rank] = solution.distances(pairs.originals)
    number = torch.zeros_like(ranked)
    number[image, rank] = torch.arange(len(image), device=image.device)
    nearest = distances.argmin(1, keepdim=True)
    chosen = number.gather(1, nearest)[:, 0]
    best = solution.take(chosen)
    crawling = best.evaluations > CRAWLING
    best.evaluations = torch.zeros_like(chosen).index_add_(0, image, solution.evaluations)
    return _Nearest(best, pairs.targets[chosen], crawling)


def _leading(work: Work, points: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The class with the largest logit other than the label's."""
    parts = zip(points.split(work.batch_size), labels.split(work.batch_size), strict=True)
    return torch.cat(
        [work.classifier.logits(x).scatter(1, y[:, None], -torch.inf).argmax(1) for x, y in parts]
    )
