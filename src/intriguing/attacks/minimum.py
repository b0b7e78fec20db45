"""The least distortion that changes the class: ends on the margin constraint itself."""

import dataclasses

import torch

from intriguing.attacks import inputs, penalised, polish
from intriguing.attacks.problems import EVERY_OTHER, Problems, Solution
from intriguing.attacks.protocol import conduct
from intriguing.attacks.targets import RANKED, nearest_classes
from intriguing.errors import AttackError

# a start near the boundary, in the right valley, is all that the polish needs
ROUGH = penalised.Settings(stationarity=0.1, margin_tolerance=0.1, weight_tolerance=0.1)
# Linearised distances tell the order of the true ones roughly: a candidate further than this,
# relative to the first, has not been seen to win.
PROMISING = 1.25
# where more rivals press than the polish kept
MOST_RIVALS = 16


def minimum_distortion(
    model,
    images,
    labels,
    targets=None,
    *,
    margin=1e-4,
    candidates=3,
    batch_size=None,
    memory_mb=1024,
    recheck="float32",
    levels=None,
    device=None,
    settings=None,
):
    """Nearest image of the box that the model gives another class, by the required margin.

        min ||x - x0||   subject to   logit[target] - logit[k] >= margin,  x in [0, 1]^n

    for all classes k; untargeted, for some target and k = label.

    Targeted, a rough run of the paper's method (`lbfgs`) finds the valley, and a sequential
    projection on the linearised margins (`polish`) its lowest point. Untargeted, the same
    projection starts at the image itself, once for each of the classes whose linearised boundary
    with the label is nearest; the nearest result counts. On a linear classifier both are exact; on
    others the result is a local minimum.

    Parameters
    ----------
    model, images, labels, margin, batch_size, memory_mb, recheck, levels, device
        As in `lbfgs`.
    targets : int Tensor (N,), optional
        Class to move each image to; None: any but the label.
    candidates : int
        Untargeted: classes that are tried at most.
    settings : polish.Settings, optional
        Numerical settings of the polish.

    Returns
    -------
    AdversarialSet
        ``targets`` are the classes reached; ``loss_weight`` is NaN, since there is no c.

    Raises
    ------
    AttackError, ModelError
        As in `lbfgs`.
    """
    settings = settings or polish.Settings()
    inputs.check_search(settings)
    if candidates < 1:
        raise AttackError(f"candidates is {candidates}: give at least 1")

    def solve(work, originals, labels, targets, required):
        if targets is not None:
            rivals = torch.full_like(targets, EVERY_OTHER)
            problems = Problems(originals, targets, rivals, required)
            return _polished(work, problems, settings, work.report)
        return _untargeted(work, originals, labels, required, candidates, settings)

    return conduct(
        *(model, images, labels, targets, solve),
        settings={"attack": "minimum_distortion", "targeted": targets is not None}
        | ({"candidates": candidates} if targets is None else {}),
        vectors=max(penalised.vectors(ROUGH), polish.vectors(MOST_RIVALS)),
        margin=margin,
        batch_size=batch_size,
        memory_mb=memory_mb,
        recheck=recheck,
        levels=levels,
        device=device,
    )


def _polished(work, problems, settings, report=None):
    """From a rough minimiser to the boundary; with more care where that does not do."""
    every = {"classes": work.classes, "batch_size": work.batch_size}
    solution = penalised.solve(work.classifier, problems, settings=ROUGH, report=report, **every)
    crowded = _polish(work, problems, solution, settings)
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


def _polish(work, problems, solution, settings):
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
    _polish(work, part, here, settings)
    solution.put(rows, here)


def _untargeted(work, originals, labels, required, candidates, settings):
    ranked, distances = nearest_classes(
        work.classifier, originals, labels, candidates, batch_size=work.batch_size
    )
    promising = distances <= PROMISING * distances[:, :1]
    promising[:, 0] = True
    parts = [
        _nearest_candidate(work, originals, labels, required, ranked, promising, rows, settings)
        for rows in torch.arange(len(labels), device=labels.device).split(
            max(work.batch_size, work.copies // ranked.shape[1])
        )
    ]
    best, reached = Solution.join([part for part, _ in parts]), torch.cat([k for _, k in parts])
    rows = (~best.found).nonzero()[:, 0]
    for rank in range(1, ranked.shape[1]) if len(rows) else ():
        # none of those that looked promising can be reached
        problems = Problems(originals, ranked[:, rank], labels, required).take(rows)
        here = best.take(rows)
        nearer = here.improve(_polished(work, problems, settings), problems.originals)
        best.put(rows, here)
        reached[rows[nearer]] = ranked[rows[nearer], rank]
    work.report(len(labels))
    # another class may have overtaken the candidate on the way: its boundary is nearer still
    leading = _leading(work, best.images, labels)
    rows = (best.found & (leading != reached)).nonzero()[:, 0]
    if len(rows):
        problems = Problems(originals, leading, labels, required).take(rows)
        here = best.take(rows)
        _polish(work, problems, here, settings)
        best.put(rows, here)
    # ranking took a gradient for each class
    best.evaluations += min(work.classes - 1, RANKED)
    return best


def _nearest_candidate(work, originals, labels, required, ranked, promising, rows, settings):
    """Solve every promising pair of an image in ``rows`` and a class; keep the nearest of each."""
    image, rank = promising[rows].nonzero(as_tuple=True)
    pair = rows[image]
    problems = Problems(originals, ranked[:, 0], labels, required).take(pair)
    problems.targets = ranked[pair, rank]
    solution = Solution.empty(problems.originals)
    _polish(work, problems, solution, settings)
    lost = (~solution.found).nonzero()[:, 0]
    if len(lost):
        # the linearisation leads nowhere, as on saturated units: cross-entropy first
        again = _polished(work, problems.take(lost), settings)
        again.evaluations += solution.evaluations[lost]
        solution.put(lost, again)
    table = torch.full_like(ranked[rows], torch.inf, dtype=originals.dtype)
    table[image, rank] = solution.distances(problems.originals)
    number = torch.zeros_like(ranked[rows])
    number[image, rank] = torch.arange(len(image), device=image.device)
    nearest = table.argmin(1, keepdim=True)
    chosen = number.gather(1, nearest)[:, 0]
    best = solution.take(chosen)
    best.evaluations = torch.zeros_like(chosen).index_add_(0, image, solution.evaluations)
    return best, problems.targets[chosen]


def _leading(work, points, labels):
    """The class with the largest logit beside the label's."""
    parts = zip(points.split(work.batch_size), labels.split(work.batch_size), strict=True)
    return torch.cat(
        [work.classifier.logits(x).scatter(1, y[:, None], -torch.inf).argmax(1) for x, y in parts]
    )
