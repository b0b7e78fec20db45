"""Minimisers of a training objective: full-batch L-BFGS to convergence, or mini-batch Adam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from intriguing.errors import TrainingError
from intriguing.progress import Progress


@dataclass(frozen=True)
class Lbfgs:
    """Full-batch L-BFGS with a strong-Wolfe line search (`torch.optim.LBFGS`).

    iterations : most iterations.
    history : curvature pairs kept.
    gradient_tolerance : converged when no gradient component is larger.
    change_tolerance : converged when the objective or every weight changes by less.
    """

    iterations: int = 1000
    history: int = 20
    gradient_tolerance: float = 1e-7
    change_tolerance: float = 1e-9


@dataclass(frozen=True)
class Adam:
    """Mini-batch Adam with a learning rate that falls to 0 along a cosine."""

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3


METHODS: dict[str, type[Lbfgs] | type[Adam]] = {"lbfgs": Lbfgs, "adam": Adam}

Objective = Callable[[torch.Tensor | None], tuple[torch.Tensor, torch.Tensor | None]]
"""Value and error rate on some rows (None: all)."""


@dataclass
class History:
    """One row for each evaluation of the full objective (L-BFGS) or each epoch (Adam)."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, phase: str, objective: float, error: float | None) -> None:
        self.rows.append(
            {"phase": phase, "step": len(self.rows), "objective": objective, "error": error}
        )


def minimise(
    module: nn.Module,
    objective: Objective,
    number: int,
    method: Lbfgs | Adam,
    seed: int,
    phase: str,
    history: History,
) -> None:
    """Minimise an objective over the parameters of a module, in place.

    Parameters
    ----------
    module : Module
    objective : callable
        ``objective(rows)`` gives the value (Tensor) and the error rate (Tensor or None) on some of
        the images; ``rows`` is an int64 Tensor on the CPU, or None for all of them.
    number : int
        Number of images.
    method : Lbfgs or Adam
    seed : int
        Order of the mini-batches.
    phase : str
        What is trained, for messages and the history.
    history : History

    Raises
    ------
    TrainingError
        If the objective stops being finite.
    """
    if isinstance(method, Lbfgs):
        _minimise_lbfgs(module, objective, method, phase, history)
    else:
        _minimise_adam(module, objective, number, method, seed, phase, history)


def _checked(value: torch.Tensor, phase: str) -> torch.Tensor:
    if not value.isfinite():
        raise TrainingError(
            f"the objective of the {phase} became {value.item()}: lower the learning rate or the"
            " weight decay, or check the images"
        )
    return value


def _minimise_lbfgs(
    module: nn.Module, objective: Objective, method: Lbfgs, phase: str, history: History
) -> None:
    optimizer = torch.optim.LBFGS(
        module.parameters(),
        max_iter=method.iterations,
        max_eval=2 * method.iterations,
        history_size=method.history,
        tolerance_grad=method.gradient_tolerance,
        tolerance_change=method.change_tolerance,
        line_search_fn="strong_wolfe",
    )

    with Progress(f"training the {phase}", 2 * method.iterations, "evaluations") as progress:

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            value, error = objective(None)
            _checked(value, phase).backward()
            history.add(phase, value.item(), None if error is None else error.item())
            progress.advance(1, objective=f"{value.item():.6g}")
            return value

        optimizer.step(closure)


def _minimise_adam(
    module: nn.Module,
    objective: Objective,
    number: int,
    method: Adam,
    seed: int,
    phase: str,
    history: History,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(module.parameters(), method.learning_rate)
    batches = -(-number // method.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, method.epochs * batches)
    with Progress(f"training the {phase}", method.epochs, "epochs") as progress:
        for _ in range(method.epochs):
            total, errors = 0.0, 0.0
            for rows in torch.randperm(number, generator=generator).split(method.batch_size):
                optimizer.zero_grad()
                value, error = objective(rows)
                _checked(value, phase).backward()
                optimizer.step()
                schedule.step()
                total += value.item() * len(rows)
                errors += 0.0 if error is None else error.item() * len(rows)
            history.add(phase, total / number, None if error is None else errors / number)
            progress.advance(1, objective=f"{total / number:.6g}")
