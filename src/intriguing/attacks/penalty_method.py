"""The paper's attack: box-constrained L-BFGS on a penalised objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from intriguing import checks
from intriguing.attacks import penalty_path
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.attacks.objective import Constraint
from intriguing.attacks.options import Options
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.ray import at_scale, nearest_on_ray
from intriguing.attacks.run import conduct
from intriguing.attacks.solver import Work
from intriguing.errors import AttackError

# forward passes that take the last minimiser to the boundary
TRIES = 4


def lbfgs(
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    targets: torch.Tensor,
    *,
    margin: float = 1e-4,
    batch_size: int | None = None,
    memory_mb: float = 1024,
    recheck: str = "float32",
    levels: int | None = None,
    device: str | torch.device | None = None,
    settings: penalty_path.Settings | Mapping[str, Any] | None = None,
    exemplars: torch.Tensor | None = None,
) -> AdversarialSet:
    """Adversarial examples by the method of Szegedy et al. 2013, section 4.1.

    For each image the smallest c > 0 is sought whose minimiser of

        ||x - x0||^2 + c * cross_entropy(model(x), target)   subject to x in [0, 1]^n

    is classified as the target. (The target's logit enters the loss less the margin, so that a
    large margin does not drown in a saturated softmax.) The paper weighs the distortion instead
    and asks for the minimum weight, which would give the largest distortion; see `objective`. The
    minimiser found lies a little beyond the boundary, since c is known to a tolerance only; it is
    drawn back to the boundary along the line to the original.

    Parameters
    ----------
    model : Module
        In evaluation mode, deterministic, mapping (B, C, H, W) in [0, 1] to logits (B, classes).
    images : float Tensor (N, C, H, W) in [0, 1]
        Or (N, features): any shape that the model takes, with images along the first axis. Other
        precisions than float32 are converted to it.
    labels : int Tensor (N,)
        True classes. An image that the model misclassifies is recorded and not attacked.
    targets : int Tensor (N,)
        Class to move each image to, other than its label.
    margin, recheck, levels, batch_size, memory_mb, device
        See `Options`.
    settings : penalty_path.Settings or mapping, optional
        Numerical settings of the search, or some of their fields by name.
    exemplars : float Tensor (M, C, H, W), optional
        An image from which the search finds nothing is searched for again from the nearest of
        these that the model gives the target class; by default the ``images`` themselves. See
        the module `restarts`.

    Returns
    -------
    AdversarialSet
        One row an image, in order, on the device of the computation. Images without success hold
        the last candidate.

    Raises
    ------
    AttackError, ModelError
        If an image leaves the box or is not finite, a label or target is not a valid class, a
        target equals its label, or the model is in training mode, random, or gives no finite
        logits.

    See Also
    --------
    minimum_distortion : Ends on the boundary itself, and may choose the class.
    choose_targets : Rules for the target class.

    Examples
    --------
    >>> import torch
    >>> from intriguing.attacks import lbfgs
    >>> model = torch.nn.Linear(2, 2).eval()
    >>> with torch.no_grad():
    ...     weight, bias = model.weight.copy_(torch.eye(2)), model.bias.zero_()
    >>> adversarial = lbfgs(
    ...     model, torch.tensor([[0.9, 0.3]]), labels=torch.tensor([0]), targets=torch.tensor([1])
    ... )
    >>> round(adversarial.distortion.item(), 3)
    0.3
    """
    solver = _PenaltyMethod(checks.search_settings(settings, penalty_path.Settings))
    if targets is None:
        raise AttackError(
            "lbfgs needs a target for each image: see choose_targets, or use minimum_distortion"
        )
    options = Options(
        margin=margin,
        recheck=recheck,
        levels=levels,
        batch_size=batch_size,
        memory_mb=memory_mb,
        device=device,
    )
    return conduct(solver, model, images, labels, targets, options, exemplars)


@dataclass(frozen=True)
class _PenaltyMethod:
    """The `solver.Solver` of `lbfgs`."""

    settings: penalty_path.Settings

    @property
    def description(self) -> dict[str, Any]:
        return {"attack": "lbfgs"}

    @property
    def vectors(self) -> int:
        return penalty_path.vectors(self.settings)

    def solve(self, work: Work, problems: Problems) -> Solution:
        return _drawn_back(work, problems, penalty_path.solve(work, problems, self.settings))

    def from_starts(self, work: Work, problems: Problems, starts: torch.Tensor) -> Solution:
        solution = penalty_path.solve(work, problems, self.settings, starts)
        return _drawn_back(work, problems, solution)


def _drawn_back(work: Work, problems: Problems, solution: Solution) -> Solution:
    """Move what was found to the boundary, in place, along the ray from the original."""
    for rows in solution.found.nonzero()[:, 0].split(work.batch_size):
        part = problems.take(rows)
        moves = solution.images[rows] - part.originals
        constraint = Constraint.of(part, work.classes)
        rise = part.required - constraint.margin(work.classifier.logits(part.originals))
        scale, _ = nearest_on_ray(
            work.classifier, part.originals, moves, constraint, slope=rise, tries=TRIES
        )
        # at most 1: the minimiser itself succeeds
        solution.images[rows] = at_scale(part.originals, moves, scale.clamp(max=1.0))
    return solution
