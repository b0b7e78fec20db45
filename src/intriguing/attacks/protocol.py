"""The protocol every attack follows: check, set aside, solve, recheck, try again, record."""

import copy
from dataclasses import dataclass
from typing import Any

import torch

from intriguing.attacks import inputs
from intriguing.attacks.adversarial_set import AdversarialSet, root_mean_square
from intriguing.attacks.budget import rows_at_once
from intriguing.attacks.objective import Classifier
from intriguing.attacks.problems import EVERY_OTHER
from intriguing.attacks.recheck import Alone, correct_alone
from intriguing.errors import AttackError
from intriguing.progress import Progress

# margin asked of the search beyond the required one, as a share of the largest logit: batches
# and single images differ by a few roundings (2^-23 each)
SLACK = 1e-5
# an image found in the batch but refused alone is solved again with a larger margin: first by what
# it fell short, with something over, then by twice as much each time
ATTEMPTS = 10
OVERSHOOT = 1.5
# copies of the pixels that a solver makes of each image it has at hand
COPIES = 8


@dataclass
class Work:
    """What a solver is given beside its problems.

    classifier : objective.Classifier
    classes : int
    batch_size : int
        Images in work at once.
    copies : int
        Images of which copies fit into the memory budget.
    report : callable
        To be called with a number of images that are finished.
    """

    classifier: Classifier
    classes: int
    batch_size: int
    copies: int
    report: Any


def conduct(
    model,
    images,
    labels,
    targets,
    solve,
    *,
    settings,
    vectors,
    margin,
    batch_size,
    memory_mb,
    recheck,
    levels,
    device,
):
    """Attack images with a solver and record what came of each.

    Parameters
    ----------
    model, images, labels, targets, margin, batch_size, memory_mb, recheck, levels, device
        As in `penalty.lbfgs`; ``targets`` None: untargeted.
    solve : callable
        ``solve(work, originals, labels, targets, required)`` gives a `problems.Solution` for
        flattened originals (N, n).
    settings : dict
        What made the set, beside what is said here.
    vectors : int
        Copies of its pixels that the solver keeps for each image.

    Returns
    -------
    AdversarialSet
    """
    inputs.check_settings(margin, batch_size, memory_mb, levels)
    inputs.check_images(images, labels)
    model, device = _placed(model, images, device)
    images, labels = images.detach().to(device).float(), labels.to(device).long()
    settings = settings | {"margin": margin, "recheck": recheck, "levels": levels or ""}
    alone = Alone(model, recheck)
    result = AdversarialSet.untried(images, labels, settings)
    if not len(labels):
        return result
    classes = inputs.check_model(model, images)
    inputs.check_classes(labels, classes, "label")
    if targets is not None:
        result.targets = inputs.checked_targets(targets, labels, classes)
    rows, multiple = rows_at_once(
        model, images[:1], batch_size=batch_size, memory_mb=memory_mb, vectors=vectors
    )
    result.already_wrong = ~correct_alone(model, images, labels, rows)
    waiting = result.attacked.nonzero()[:, 0]
    classifier = Classifier(model, images.shape[1:], multiple)
    base = margin + SLACK * _largest_logits(classifier, images, rows).clamp(min=1.0)
    extra = torch.zeros_like(base)
    copies = int(memory_mb * 2**20 // (COPIES * images[0].nbytes))
    with Progress("attacking", len(waiting), "images") as progress:
        for attempt in range(ATTEMPTS):
            if not len(waiting):
                break
            report = progress.advance if attempt == 0 else _nothing
            work = Work(classifier, classes, rows, copies, report)
            solution = solve(
                *(work, images[waiting].flatten(1), labels[waiting]),
                None if targets is None else result.targets[waiting],
                (base + extra)[waiting],
            )
            found = _rounded(solution.images, levels).view(-1, *images.shape[1:])
            if targets is None:
                result.targets[waiting] = alone.leading(found, labels[waiting])
                rivals = labels[waiting]
            else:
                rivals = torch.full_like(waiting, EVERY_OTHER)
            margins = alone.margins(found, result.targets[waiting], rivals)
            success = margins >= margin
            result.images[waiting] = found
            result.evaluations[waiting] += solution.evaluations
            result.success[waiting] = success
            weight = torch.where(success, solution.loss_weight.double(), torch.nan)
            result.loss_weight[waiting] = weight
            again = solution.found & ~success
            missing = OVERSHOOT * (margin - margins[again]).clamp(min=SLACK).to(base.dtype)
            waiting = waiting[again]
            extra[waiting] = torch.maximum(2 * extra[waiting], missing)
    result.distortion = root_mean_square(result.images - images)
    return result


def _nothing(number):
    """Progress counts each image once, not its further attempts."""


def _placed(model, images, device):
    own = inputs.device_of(model, images)
    if device is None:
        return model, own
    try:
        device = torch.device(device)
        # the caller's model stays where it is
        return (model if device == own else copy.deepcopy(model).to(device)), device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise AttackError(f"device {device!r} cannot be used ({reason}): leave it out") from error


def _largest_logits(classifier, images, rows):
    return torch.cat([classifier.logits(x.flatten(1)).abs().amax(1) for x in images.split(rows)])


def _rounded(images, levels):
    if levels is None:
        return images
    return images.mul(levels - 1).round_().div_(levels - 1)
