"""Minimisers of a training objective: L-BFGS on all images or on working sets, or Adam."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from intriguing.errors import TrainingError
from intriguing.progress import Progress
from intriguing.training import optimisers
from intriguing.training.objective import History, MeanLoss, Objective, checked
from intriguing.training.working_set import WorkingSet, minimise_on_working_sets


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


Method = Lbfgs | WorkingSet | Adam
METHODS: dict[str, type[Method]] = {"lbfgs": Lbfgs, "working_set": WorkingSet, "adam": Adam}


def minimise(
    module: nn.Module,
    objective: Objective | MeanLoss,
    number: int,
    method: Method,
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
        the images; ``rows`` is an int64 Tensor on the CPU, or None for all of them. A `WorkingSet`
        needs an `objective.MeanLoss`.
    number : int
        Number of images.
    method : Lbfgs, WorkingSet or Adam
    seed : int
        Order of the mini-batches.
    phase : str
        What is trained, for messages and the history.
    history : History

    Raises
    ------
    TrainingError
        If the objective stops being finite or does not go with the method.
    """
    if isinstance(method, Lbfgs):
        _minimise_lbfgs(module, objective, method, phase, history)
    elif isinstance(method, WorkingSet):
        if not isinstance(objective, MeanLoss):
            raise TrainingError(
                f"the objective of the {phase} is not a mean over images plus a penalty, which a"
                " working set needs: train it with lbfgs or adam"
            )
        if method.epochs:
            start = Adam(method.epochs, method.batch_size, method.learning_rate)
            _minimise_adam(module, objective, number, start, seed, phase, history)
        minimise_on_working_sets(module, objective, number, method, phase, history)
    else:
        _minimise_adam(module, objective, number, method, seed, phase, history)


def _minimise_lbfgs(
    module: nn.Module, objective: Objective, method: Lbfgs, phase: str, history: History
) -> None:
    optimizer = optimisers.LBFGS(
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
            checked(value, phase).backward()
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
    optimizer = optimisers.Adam(module.parameters(), method.learning_rate, fused=True)
    batches = -(-number // method.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, method.epochs * batches)
    with Progress(f"training the {phase}", method.epochs, "epochs") as progress:
        for _ in range(method.epochs):
            total, errors = 0.0, 0.0
            for rows in torch.randperm(number, generator=generator).split(method.batch_size):
                optimizer.zero_grad()
                value, error = objective(rows)
                checked(value, phase).backward()
                optimizer.step()
                schedule.step()
                total += value.item() * len(rows)
                errors += 0.0 if error is None else error.item() * len(rows)
            history.add(phase, total / number, None if error is None else errors / number)
            progress.advance(1, objective=f"{total / number:.6g}")
