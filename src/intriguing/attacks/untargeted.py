"""Nearest point of any other class: the best of a few candidates, each a pair with the label."""

import torch

from intriguing.attacks import targeted
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.targets import RANKED, nearest_classes

# Linearised distances tell the order of the true ones roughly: a candidate further than this,
# relative to the first, rarely wins (0.1 % of the mean distortion on a sigmoid net).
PROMISING = 1.15
# a polish of more steps than this crawls along kinks (ReLU, max-pools), where the start decides
# which valley is found; on smooth models it takes three to five
CRAWLING = 15


def solve(work, originals, labels, required, candidates, settings):
    """Nearest point with another class than the label, over a few candidates for that class.

    Parameters
    ----------
    work : protocol.Work
    originals : Tensor (N, n)
    labels : int64 Tensor (N,)
    required : Tensor (N,)
        Margin of the class reached over the label.
    candidates : int
        Classes tried at most.
    settings : polish.Settings

    Returns
    -------
    problems.Solution
    """
    ranked, distances = nearest_classes(
        work.classifier, originals, labels, candidates, batch_size=work.batch_size
    )
    promising = distances <= PROMISING * distances[:, :1]
    promising[:, 0] = True
    parts = [
        _nearest_candidate(work, originals, labels, required, ranked, promising, rows, settings)
        for rows in torch.arange(len(labels), device=labels.device).split(
            max(work.batch_size, work.at_hand // ranked.shape[1])
        )
    ]
    best = Solution.join([part for part, _, _ in parts])
    reached, crawling = (torch.cat(values) for values in list(zip(*parts, strict=True))[1:])

    def try_again(rows, targets):
        problems = Problems(originals, targets, labels, required).take(rows)
        here = best.take(rows)
        nearer = here.improve(targeted.solve(work, problems, settings), problems.originals)
        best.put(rows, here)
        reached[rows[nearer]] = targets[rows[nearer]]

    rows = (~best.found).nonzero()[:, 0]
    for rank in range(1, ranked.shape[1]) if len(rows) else ():
        # none of those that looked promising can be reached
        try_again(rows, ranked[:, rank])
    rows = (best.found & crawling).nonzero()[:, 0]
    if len(rows):
        # from the valley that cross-entropy finds
        try_again(rows, reached)
    work.report(len(labels))
    refine_overtaken(work, Problems(originals, reached, labels, required), best, settings)
    # ranking took a gradient for each class
    best.evaluations += min(work.classes - 1, RANKED)
    return best


def refine_overtaken(work, problems, solution, settings):
    """Polish again, in place, where another class has overtaken the target on the way.

    Its boundary with the label is nearer still. ``problems`` have the labels as rivals.
    """
    leading = _leading(work, solution.images, problems.rivals)
    rows = (solution.found & (leading != problems.targets)).nonzero()[:, 0]
    if len(rows):
        part, here = problems.take(rows), solution.take(rows)
        part.targets = leading[rows]
        targeted.refine(work, part, here, settings)
        solution.put(rows, here)


def _nearest_candidate(work, originals, labels, required, ranked, promising, rows, settings):
    """Solve every promising pair of an image in ``rows`` and a class; keep the nearest of each."""
    image, rank = promising[rows].nonzero(as_tuple=True)
    pair = rows[image]
    problems = Problems(originals, ranked[:, 0], labels, required).take(pair)
    problems.targets = ranked[pair, rank]
    solution = Solution.empty(problems.originals)
    targeted.refine(work, problems, solution, settings)
    lost = (~solution.found).nonzero()[:, 0]
    if len(lost):
        # the linearisation leads nowhere, as on saturated units: cross-entropy first
        again = targeted.solve(work, problems.take(lost), settings)
        again.evaluations += solution.evaluations[lost]
        solution.put(lost, again)
    table = torch.full_like(ranked[rows], torch.inf, dtype=originals.dtype)
    table[image, rank] = solution.distances(problems.originals)
    number = torch.zeros_like(ranked[rows])
    number[image, rank] = torch.arange(len(image), device=image.device)
    nearest = table.argmin(1, keepdim=True)
    chosen = number.gather(1, nearest)[:, 0]
    best = solution.take(chosen)
    crawling = best.evaluations > CRAWLING
    best.evaluations = torch.zeros_like(chosen).index_add_(0, image, solution.evaluations)
    return best, problems.targets[chosen], crawling


def _leading(work, points, labels):
    """The class with the largest logit beside the label's."""
    parts = zip(points.split(work.batch_size), labels.split(work.batch_size), strict=True)
    return torch.cat(
        [work.classifier.logits(x).scatter(1, y[:, None], -torch.inf).argmax(1) for x, y in parts]
    )
