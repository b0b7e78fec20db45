"""What every attack does around its solver: check, set aside, solve, recheck, try again, record."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from intriguing import checks
from intriguing.attacks.adversarial_set import AdversarialSet, root_mean_square
from intriguing.attacks.budget import rows_at_once
from intriguing.attacks.objective import Classifier
from intriguing.attacks.options import Options
from intriguing.attacks.problems import EVERY_OTHER, Problems, Solution
from intriguing.attacks.recheck import Alone, correct_alone, leading, least_margins
from intriguing.attacks.restarts import Exemplars
from intriguing.attacks.solver import Solver, Work
from intriguing.errors import AttackError
from intriguing.networks.logits import copied
from intriguing.progress import Progress

# margin asked of the search beyond the required one, as a share of the largest logit: an image
# alone differs from the same in a batch by a few roundings
SLACK = 4 * torch.finfo(torch.float32).eps
# an image found in the batch but refused alone is solved again with a larger margin: first by what
# it fell short, with something over, then by twice as much each time
ATTEMPTS = 10
OVERSHOOT = 1.5
# copies of the pixels that a solver makes of each image it has at hand
COPIES = 8
# images that are at hand at once, in batches: the last ones of them leave a batch unfilled
BATCHES = 16


def conduct(
    solver: Solver,
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    targets: torch.Tensor | None,
    options: Options,
    exemplars: torch.Tensor | None,
) -> AdversarialSet:
    """Attack images with a solver and record what came of each.

    Parameters
    ----------
    solver : solver.Solver
    model, images, labels, targets, exemplars
        As in `penalty_method.lbfgs`; ``targets`` None: untargeted.
    options : Options

    Returns
    -------
    AdversarialSet
    """
    checks.check_images(images, labels)
    model, device = _placed(model, images, options.device)
    # pixels that a rounding has put outside the box return to it
    images = images.detach().to(device).float().clamp(0, 1)
    labels = labels.to(device).long()
    alone = Alone(model, options.recheck)
    settings = {
        **solver.description,
        "margin": options.margin,
        "recheck": options.recheck,
        "levels": options.levels or "",
    }
    result = AdversarialSet.untried(images, labels, settings)
    if not len(labels):
        return result
    classes = checks.check_model(model, images)
    checks.check_gradient(model, images)
    checks.check_classes(labels, classes, "label")
    if targets is not None:
        result.targets = checks.checked_targets(targets, labels, classes).clone()
    rows, multiple = rows_at_once(
        model,
        images[:1],
        batch_size=options.batch_size,
        memory_mb=options.memory_mb,
        vectors=solver.vectors,
    )
    result.already_wrong = ~correct_alone(model, images, labels, rows)
    fitting = int(options.memory_mb * 2**20 // (COPIES * images[0].nbytes))
    at_hand = max(min(fitting, BATCHES * rows), rows)
    attacked = result.attacked.nonzero()[:, 0]
    classifier = Classifier.independent(model, images.shape[1:], multiple, images.device)
    pool = images if exemplars is None else _checked_exemplars(exemplars, images)
    with Progress("attacking", len(attacked), "images") as progress:
        work = Work(classifier, classes, rows, at_hand, report=progress.advance)
        run = _Run(solver, work, alone, options, pool, targeted=targets is not None)
        for part in attacked.split(at_hand):
            run.attack(result, part)
    return result


@dataclass(eq=False)
class _Run:
    """One attack.

    Parameters
    ----------
    solver : solver.Solver
    work : solver.Work
    alone : recheck.Alone
    options : Options
    pool : Tensor (M, C, H, W)
        Images to restart from.
    targeted : bool
    """

    solver: Solver
    work: Work
    alone: Alone
    options: Options
    pool: torch.Tensor
    targeted: bool

    @functools.cached_property
    def exemplars(self) -> Exemplars:
        """The pool as the model classifies it, evaluated when it is first needed."""
        return Exemplars(self.work.classifier, self.pool.flatten(1), self.work.batch_size)

    def attack(self, result: AdversarialSet, rows: torch.Tensor) -> None:
        """Solve, recheck and try again some rows of ``result``, which still holds the originals."""
        originals = result.images[rows]
        rounding = SLACK * self._largest_logits(originals)
        base = self.options.margin + rounding
        extra = torch.zeros_like(base)
        waiting = torch.arange(len(rows), device=rows.device)
        work = self.work
        for _ in range(ATTEMPTS):
            if not len(waiting):
                break
            here = rows[waiting]
            flat, required = originals[waiting].flatten(1), (base + extra)[waiting]
            if self.targeted:
                problems = Problems.targeted(flat, result.targets[here], required)
            else:
                problems = Problems.untargeted(flat, result.labels[here], required)
            solution = self.solver.solve(work, problems)
            # progress counts each image once
            work = work.quiet()
            if not solution.found.all():
                solve = functools.partial(self.solver.from_starts, work)
                self.exemplars.restart(solution, problems, solve)
            margins = self._record(result, here, solution)
            again = solution.found & ~result.success[here]
            missing = self.options.margin - margins[again]
            waiting = waiting[again]
            missing = OVERSHOOT * missing.to(base.dtype).maximum(rounding[waiting])
            extra[waiting] = torch.maximum(2 * extra[waiting], missing)
        result.distortion[rows] = root_mean_square(result.images[rows] - originals)

    def _record(
        self, result: AdversarialSet, rows: torch.Tensor, solution: Solution
    ) -> torch.Tensor:
        """Write a solution into ``rows``, rechecked alone; return the margins."""
        candidates = _rounded(solution.images, self.options.levels)
        candidates = candidates.view(-1, *result.images.shape[1:])
        logits = self.alone.logits(candidates)
        if self.targeted:
            rivals = torch.full_like(rows, EVERY_OTHER)
        else:
            rivals = result.labels[rows]
            result.targets[rows] = leading(logits, rivals)
        margins = least_margins(logits, result.targets[rows], rivals)
        success = margins >= self.options.margin
        result.images[rows] = candidates
        result.evaluations[rows] += solution.evaluations
        result.success[rows] = success
        weight = torch.where(success, solution.loss_weight.double(), torch.nan)
        result.loss_weight[rows] = weight
        return margins

    def _largest_logits(self, images: torch.Tensor) -> torch.Tensor:
        parts = images.flatten(1).split(self.work.batch_size)
        return torch.cat([self.work.classifier.logits(part).abs().amax(1) for part in parts])


def _checked_exemplars(exemplars: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    if not torch.is_tensor(exemplars) or exemplars.shape[1:] != images.shape[1:]:
        given = (
            f"of shape {tuple(exemplars.shape)}"
            if torch.is_tensor(exemplars)
            else f"a {type(exemplars).__name__}"
        )
        raise AttackError(
            f"exemplars are {given}: give a tensor of images of shape {tuple(images.shape[1:])},"
            " like those attacked"
        )
    checks.check_images(exemplars, torch.zeros(len(exemplars), dtype=torch.int64))
    return exemplars.detach().to(images.device).float()


def _placed(
    model: torch.nn.Module, images: torch.Tensor, device: str | torch.device | None
) -> tuple[torch.nn.Module, torch.device]:
    own = checks.checked_device(model, images)
    if device is None:
        return model, own
    try:
        device = torch.device(device)
        # the caller's model stays where it is
        return (model if device == own else copied(model).to(device)), device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise AttackError(f"device {device!r} cannot be used ({reason}): leave it out") from error


def _rounded(images: torch.Tensor, levels: int | None) -> torch.Tensor:
    if levels is None:
        return images
    return images.mul(levels - 1).round_().div_(levels - 1)
