"""The least distortion that changes the class: ends on the margin constraint itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from intriguing import checks
from intriguing.attacks import boundary, targeted, untargeted
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.attacks.options import Options
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.run import conduct
from intriguing.attacks.solver import Solver, Work

# gradients that the search on the boundary takes on most networks; steps that a path needs, since
# one that misses the class costs more than it saves
RESERVED, SHORTEST_PATH = 15, 20


def minimum_distortion(
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    targets: torch.Tensor | None = None,
    *,
    margin: float = 1e-4,
    candidates: int = 8,
    budget: int = 70,
    batch_size: int | None = None,
    memory_mb: float = 1024,
    recheck: str = "float32",
    levels: int | None = None,
    device: str | torch.device | None = None,
    settings: boundary.Settings | Mapping[str, Any] | None = None,
    exemplars: torch.Tensor | None = None,
) -> AdversarialSet:
    """Nearest image of the box that the model gives another class, by the required margin.

        min ||x - x0||   subject to   logit[target] - logit[k] >= margin,  x in [0, 1]^n

    for all classes k; untargeted, for some target and k = label.

    Targeted, a path of long first-order steps on a softened margin (`margin_path`) finds a valley,
    and a sequential projection on the linearised margins (`boundary`) its lowest point. Untargeted,
    the same is done for the classes whose linearised boundary with the label is near, of which a
    short path leaves the best; the nearest result counts. On a linear classifier both reach the
    minimum, to a tolerance; on others the result is a local minimum.

    Parameters
    ----------
    model, images, labels, margin, batch_size, memory_mb, recheck, levels, device
        As in `lbfgs`.
    targets : int Tensor (N,), optional
        Class to move each image to; None: any but the label.
    candidates : int
        Untargeted: classes that are tried at most.
    budget : int
        Gradients spent on an image, about; untargeted up to a third more, where many classes are
        near. More go into a longer path, which ends nearer where the boundary has kinks (ReLU,
        max-pools); the search on the boundary takes some 15 of them. Less than 35 counts as 35.
    settings : boundary.Settings or mapping, optional
        Numerical settings of the search on the boundary, or some of their fields by name.
    exemplars : float Tensor (M, C, H, W), optional
        As in `lbfgs`; untargeted, those of any other class.

    Returns
    -------
    AdversarialSet
        ``targets`` are the classes reached; ``loss_weight`` is NaN, since there is no c.

    Raises
    ------
    AttackError, ModelError
        As in `lbfgs`.

    See Also
    --------
    lbfgs : The paper's method.
    noise_tolerance : Distortion by random noise at which the class changes.

    Examples
    --------
    >>> import torch
    >>> from intriguing.attacks import minimum_distortion
    >>> model = torch.nn.Linear(2, 2).eval()
    >>> with torch.no_grad():
    ...     weight, bias = model.weight.copy_(torch.eye(2)), model.bias.zero_()
    >>> adversarial = minimum_distortion(model, torch.tensor([[0.9, 0.3]]), torch.tensor([0]))
    >>> adversarial.targets, round(adversarial.distortion.item(), 4)
    (tensor([1]), 0.3001)
    """
    search = checks.search_settings(settings, boundary.Settings)
    checks.check_count("candidates", candidates)
    checks.check_count("budget", budget)
    steps = max(SHORTEST_PATH, budget - RESERVED)
    solver: Solver = (
        _Targeted(search, steps)
        if targets is not None
        # classes besides the nearest are followed, too, each from where its screening ended
        else _Untargeted(search, candidates, steps // 2)
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
class _Targeted:
    """The `solver.Solver` for given targets."""

    settings: boundary.Settings
    steps: int

    @property
    def description(self) -> dict[str, Any]:
        return {"attack": "minimum_distortion", "targeted": True}

    @property
    def vectors(self) -> int:
        return targeted.vectors()

    def solve(self, work: Work, problems: Problems) -> Solution:
        return targeted.solve(work, problems, self.steps, self.settings)

    def from_starts(self, work: Work, problems: Problems, starts: torch.Tensor) -> Solution:
        return targeted.from_starts(work, problems, starts, self.settings)


@dataclass(frozen=True)
class _Untargeted:
    """The `solver.Solver` for any class but the label."""

    settings: boundary.Settings
    candidates: int
    steps: int

    @property
    def description(self) -> dict[str, Any]:
        return {
            "attack": "minimum_distortion",
            "targeted": False,
            "candidates": self.candidates,
        }

    @property
    def vectors(self) -> int:
        return targeted.vectors()

    def solve(self, work: Work, problems: Problems) -> Solution:
        return untargeted.solve(work, problems, self.candidates, self.steps, self.settings)

    def from_starts(self, work: Work, problems: Problems, starts: torch.Tensor) -> Solution:
        solution = targeted.from_starts(work, problems, starts, self.settings)
        untargeted.refine_overtaken(work, problems, solution, self.settings)
        return solution
