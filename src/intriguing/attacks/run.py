"""The protocol every attack follows: check, set aside, solve, recheck, try again, record."""

import copy
import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import torch

from intriguing import checks
from intriguing.attacks.adversarial_set import AdversarialSet, root_mean_square
from intriguing.attacks.budget import rows_at_once
from intriguing.attacks.objective import Classifier
from intriguing.attacks.problems import EVERY_OTHER, Problems
from intriguing.attacks.recheck import Alone, correct_alone
from intriguing.attacks.restarts import Exemplars, untargeted_problems
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


# images that are at hand at once, in batches: the last ones of them leave a batch unfilled
BATCHES = 16


@dataclass
class Work:
    """What a solver is given beside its problems.

    classifier : objective.Classifier
    classes : int
    batch_size : int
        Images in work at once.
    at_hand : int
        Images of which copies may be kept at once.
    report : callable
        To be called with a number of images that are finished.
    """

    classifier: Classifier
    classes: int
    batch_size: int
    at_hand: int
    report: Any


def conduct(
    model,
    images,
    labels,
    targets,
    solve,
    from_starts,
    *,
    exemplars,
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
    from_starts : callable
        ``from_starts(work, problems, starts)`` gives a Solution that starts from points (N, n).
    exemplars : float Tensor (M, C, H, W) or None
        As in `penalty.lbfgs`.
    settings : dict
        What made the set, beside what is said here.
    vectors : int
        Copies of its pixels that the solver keeps for each image.

    Returns
    -------
    AdversarialSet
    """
    checks.check_settings(margin, batch_size, memory_mb, levels)
    checks.check_images(images, labels)
    model, device = _placed(model, images, device)
    images, labels = images.detach().to(device).float(), labels.to(device).long()
    settings = settings | {"margin": margin, "recheck": recheck, "levels": levels or ""}
    alone = Alone(model, recheck)
    result = AdversarialSet.untried(images, labels, settings)
    if not len(labels):
        return result
    classes = checks.check_model(model, images)
    checks.check_classes(labels, classes, "label")
    if targets is not None:
        result.targets = checks.checked_targets(targets, labels, classes)
    rows, multiple = rows_at_once(
        model, images[:1], batch_size=batch_size, memory_mb=memory_mb, vectors=vectors
    )
    result.already_wrong = ~correct_alone(model, images, labels, rows)
    fitting = int(memory_mb * 2**20 // (COPIES * images[0].nbytes))
    at_hand = max(min(fitting, BATCHES * rows), rows)
    attacked = result.attacked.nonzero()[:, 0]
    classifier = Classifier.independent(model, images.shape[1:], multiple, images.device)
    pool = images if exemplars is None else _checked_exemplars(exemplars, images)
    again = functools.cache(lambda: Exemplars(classifier, pool.flatten(1), rows))
    with Progress("attacking", len(attacked), "images") as progress:
        work = Work(
            *(classifier, classes, rows, at_hand),
            progress.advance,
        )
        protocol = _Protocol(
            *(solve, from_starts, again, work, alone, margin, levels, targets is not None)
        )
        for part in attacked.split(at_hand):
            protocol.attack(result, part)
    return result


@dataclass
class _Protocol:
    solve: Any
    from_starts: Any
    exemplars: Any
    work: Work
    alone: Alone
    margin: float
    levels: int | None
    targeted: bool

    def attack(self, result, rows):
        """Solve, recheck and try again some rows of ``result``, which holds their originals yet."""
        originals, labels = result.images[rows], result.labels[rows]
        base = self.margin + SLACK * self._largest_logits(originals).clamp(min=1.0)
        extra = torch.zeros_like(base)
        waiting = torch.arange(len(rows), device=rows.device)
        work = self.work
        for _ in range(ATTEMPTS):
            if not len(waiting):
                break
            here = rows[waiting]
            solution = self.solve(
                *(work, originals[waiting].flatten(1), labels[waiting]),
                result.targets[here] if self.targeted else None,
                (base + extra)[waiting],
            )
            self._restart(solution, result, here, originals[waiting], (base + extra)[waiting])
            margins = self._record(result, here, solution)
            again = solution.found & ~result.success[here]
            missing = OVERSHOOT * (self.margin - margins[again]).clamp(min=SLACK).to(base.dtype)
            waiting = waiting[again]
            extra[waiting] = torch.maximum(2 * extra[waiting], missing)
            # progress counts each image once
            work = dataclasses.replace(work, report=_nothing)
        result.distortion[rows] = root_mean_square(result.images[rows] - originals)

    def _restart(self, solution, result, rows, originals, required):
        """Search again for the ``rows`` without success, from exemplars of the target class."""
        if solution.found.all():
            return
        labels = result.labels[rows]
        flat = originals.flatten(1)
        if self.targeted:
            rivals = torch.full_like(labels, EVERY_OTHER)
            problems = Problems(flat, result.targets[rows].clone(), rivals, required)
        else:
            problems = untargeted_problems(flat, labels, required)
        quiet = dataclasses.replace(self.work, report=_nothing)
        self.exemplars().restart(
            solution, problems, lambda part, starts: self.from_starts(quiet, part, starts)
        )

    def _record(self, result, rows, solution):
        """Write a solution into ``rows``, rechecked alone; return the margins."""
        found = _rounded(solution.images, self.levels).view(-1, *result.images.shape[1:])
        labels = result.labels[rows]
        if self.targeted:
            rivals = torch.full_like(rows, EVERY_OTHER)
        else:
            result.targets[rows] = self.alone.leading(found, labels)
            rivals = labels
        margins = self.alone.margins(found, result.targets[rows], rivals)
        success = margins >= self.margin
        result.images[rows] = found
        result.evaluations[rows] += solution.evaluations
        result.success[rows] = success
        weight = torch.where(success, solution.loss_weight.double(), torch.nan)
        result.loss_weight[rows] = weight
        return margins

    def _largest_logits(self, images):
        parts = images.flatten(1).split(self.work.batch_size)
        return torch.cat([self.work.classifier.logits(part).abs().amax(1) for part in parts])


def _checked_exemplars(exemplars, images):
    if not torch.is_tensor(exemplars) or exemplars.shape[1:] != images.shape[1:]:
        found = tuple(exemplars.shape) if torch.is_tensor(exemplars) else type(exemplars).__name__
        raise AttackError(
            f"exemplars are {found}: give images of {tuple(images.shape[1:])}, as those attacked"
        )
    checks.check_images(exemplars, torch.zeros(len(exemplars), dtype=torch.int64))
    return exemplars.detach().to(images.device).float()


def _nothing(number):
    """Reports nothing."""


def _placed(model, images, device):
    own = checks.checked_device(model, images)
    if device is None:
        return model, own
    try:
        device = torch.device(device)
        # the caller's model stays where it is
        return (model if device == own else copy.deepcopy(model).to(device)), device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise AttackError(f"device {device!r} cannot be used ({reason}): leave it out") from error


def _rounded(images, levels):
    if levels is None:
        return images
    return images.mul(levels - 1).round_().div_(levels - 1)
