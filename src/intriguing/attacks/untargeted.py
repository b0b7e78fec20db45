"""Nearest point of any other class: the best of a few candidates, each a pair with the label."""

from __future__ import annotations

import dataclasses

import torch

from intriguing.attacks import boundary, margin_path, targeted
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.solver import Work
from intriguing.attacks.targets import RANKED, nearest_classes

# a candidate whose linearised boundary is further than this, relative to the first, rarely wins
PROMISING = 1.5
# a short path screens the candidates; those that end within a share of the image's nearest go on,
# first along the path, then to the boundary
SCREENING = 8
SCREENED, CLOSE = 1.05, 1.03


def solve(
    work: Work, problems: Problems, candidates: int, steps: int, settings: boundary.Settings
) -> Solution:
    """Nearest point with another class than the label, over a few candidates for that class.

    Parameters
    ----------
    work : solver.Work
    problems : problems.Problems
        Without targets: the rivals are the labels.
    candidates : int
        Classes tried at most.
    steps : int
        Of the path to each.
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
        inside_box=True,
    )
    promising = distances <= PROMISING * distances[:, :1]
    promising[:, 0] = True
    at_once = max(work.batch_size, work.at_hand // ranked.shape[1])
    parts, classes = [], []
    for start in range(0, len(problems), at_once):
        rows = slice(start, start + at_once)
        nearest, targets = _nearest_candidate(
            quiet, problems.take(rows), ranked[rows], promising[rows], steps, settings
        )
        parts.append(nearest)
        classes.append(targets)
    best, reached = Solution.join(parts), torch.cat(classes)
    for rank in range(ranked.shape[1]):
        missing = (~best.found).nonzero()[:, 0]
        if not len(missing):
            break
        # none of those that looked promising was reached
        part, here = problems.take(missing), best.take(missing)
        part.targets = ranked[missing, rank]
        nearer = here.improve(targeted.solve(quiet, part, steps, settings), part.originals)
        best.put(missing, here)
        reached[missing[nearer]] = part.targets[nearer]
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


def _nearest_candidate(
    work: Work,
    problems: Problems,
    ranked: torch.Tensor,
    promising: torch.Tensor,
    steps: int,
    settings: boundary.Settings,
) -> tuple[Solution, torch.Tensor]:
    """Solve every promising pair of an image and a class; select the nearest of each image.

    Returns
    -------
    solution : problems.Solution
        With the evaluations of all candidates.
    targets : int64 Tensor (N,)
    """

    def follow(part: Problems, here: Solution) -> None:
        nearer = margin_path.solve(work, part, steps, starts=here.images)
        here.improve(nearer, part.originals)

    def polish(part: Problems, here: Solution) -> None:
        targeted.refine(work, part, here, settings)

    image, rank = promising.nonzero(as_tuple=True)
    pairs = problems.take(image)
    pairs.targets = ranked[image, rank]
    distances = torch.full_like(ranked, torch.inf, dtype=pairs.originals.dtype)
    solution = margin_path.solve(work, pairs, SCREENING)
    for share, better in ((SCREENED, follow), (CLOSE, polish)):
        distances[image, rank] = solution.distances(pairs.originals)
        nearest = distances.amin(1)[image]
        close = (distances[image, rank] <= share * nearest).nonzero()[:, 0]
        part, here = pairs.take(close), solution.take(close)
        better(part, here)
        solution.put(close, here)
    distances[image, rank] = solution.distances(pairs.originals)
    number = torch.zeros_like(ranked)
    number[image, rank] = torch.arange(len(image), device=image.device)
    chosen = number.gather(1, distances.argmin(1, keepdim=True))[:, 0]
    best = solution.take(chosen)
    best.evaluations = torch.zeros_like(chosen).index_add_(0, image, solution.evaluations)
    return best, pairs.targets[chosen]


def _leading(work: Work, points: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The class with the largest logit other than the label's."""
    parts = zip(points.split(work.batch_size), labels.split(work.batch_size), strict=True)
    return torch.cat(
        [work.classifier.logits(x).scatter(1, y[:, None], -torch.inf).argmax(1) for x, y in parts]
    )
