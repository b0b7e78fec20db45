"""L-BFGS on a working set: the images that matter, with passes over all of them in between.

Once a network fits its training images, nearly all of the loss comes from few of them. As solvers
of support vector machines do ("shrinking"), a stage minimises a surrogate on the images with the
largest losses,

    1/N sum_S loss_i(w) + penalty(w) + <g - g_S, w - w_0> + constant

with g the gradient of the full objective at w_0, where the stage starts, and g_S that of the first
two terms. There the surrogate has the value and the gradient of the full objective; the linear term
stands for the images left out, as in the variance reduction of Johnson & Zhang 2013 (SVRG). A pass
over all images ends a stage. What it shows of the promised decrease decides how many images are
left out and how long the next stage is; a stage that does not decrease the full objective is
undone. L-BFGS keeps its curvature pairs from stage to stage. Only the full objective decides
whether it has converged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from intriguing.errors import TrainingError
from intriguing.progress import Progress
from intriguing.training.objective import History, MeanLoss, checked
from intriguing.training.optimisers import LBFGS

# iterations of a stage: of the first, least, most
FIRST, SHORTEST, LONGEST = 10, 5, 100
# share of the summed loss that the images left out may have: at first, most
SHARE, LARGEST_SHARE = 0.02, 0.3
# share of the images in a working set: least; and above which all are taken
SMALLEST, WHOLE = 0.05, 0.5
# share of the promised decrease that came true: below it a surrogate is poor, above it good
POOR, GOOD = 0.5, 0.9
# by which a surrogate is then changed
FACTOR = 1.5
# most evaluations of a stage for each of its iterations
EVALUATIONS = 4


@dataclass(frozen=True)
class WorkingSet:
    """A few epochs of Adam, then L-BFGS mostly on the images that carry the loss.

    For classifiers: the objective has to be a mean over images. One with batch norm has other
    statistics on a part of the images than on all: train it with Adam.

    epochs, batch_size, learning_rate : of Adam at the start; 0 epochs: none.
    iterations : most iterations of L-BFGS.
    history : curvature pairs kept.
    gradient_tolerance : converged when no component of the full gradient is larger.
    change_tolerance : converged when the full objective or every weight changes by less.
    """

    epochs: int = 5
    batch_size: int = 128
    learning_rate: float = 1e-2
    iterations: int = 700
    history: int = 50
    gradient_tolerance: float = 1e-7
    change_tolerance: float = 1e-9


@dataclass(frozen=True)
class Point:
    """The full objective at one point.

    weights, gradient : Tensor (P,)
    losses : Tensor (N,)
        Of each image.
    error : float
        Error rate.
    """

    weights: torch.Tensor
    value: float
    gradient: torch.Tensor
    losses: torch.Tensor
    error: float


class Surrogate:
    """A function for L-BFGS that agrees with the full objective to first order at one point.

    Called, it sets the gradients of the parameters and returns the value. The last point is kept:
    L-BFGS asks for it again.

    Parameters
    ----------
    objective : MeanLoss
    parameters : sequence of Parameter
    rows : int64 Tensor, optional
        Images of the working set; None: all of them, without a linear term.
    start : Point
        Where the parameters are at present.
    phase : str
        What is trained, for messages.
    """

    def __init__(
        self,
        objective: MeanLoss,
        parameters: Sequence[nn.Parameter],
        rows: torch.Tensor | None,
        start: Point,
        phase: str,
    ):
        self.start, self.phase, self.parameters = start, phase, parameters
        self.number = len(start.losses)
        self.slope: torch.Tensor | None = None
        self.constant = 0.0
        self.last = start
        self.objective = objective
        if rows is not None:
            self.objective = objective.part(rows)
            here = self._evaluate(start.weights)
            self.slope = start.gradient - here.gradient
            self.constant = start.value - here.value

    def __call__(self) -> float:
        weights = _weights(self.parameters)
        if not torch.equal(weights, self.last.weights):
            self.last = self._evaluate(weights)
        for parameter, gradient in _split(self.last.gradient, self.parameters):
            parameter.grad = gradient.clone()
        return self.last.value

    def _evaluate(self, weights: torch.Tensor) -> Point:
        point = evaluate(self.objective, self.parameters, self.number, self.phase)
        if self.slope is None:
            return point
        linear = self.constant + torch.dot(self.slope, weights - self.start.weights).item()
        gradient = point.gradient + self.slope
        return Point(weights, point.value + linear, gradient, point.losses, point.error)


def evaluate(
    objective: MeanLoss, parameters: Sequence[nn.Parameter], number: int, phase: str
) -> Point:
    """Sum of the losses divided by ``number``, plus the penalty, where the parameters are."""
    for parameter in parameters:
        parameter.grad = None
    losses, wrong = objective.losses()
    value = checked(losses.sum() / number + objective.penalty(), phase)
    value.backward()
    gradient = torch.cat(
        [
            (torch.zeros_like(p) if p.grad is None else p.grad).flatten()  # a frozen or unused one
            for p in parameters
        ]
    )
    error = wrong.float().mean().item()
    return Point(_weights(parameters), value.item(), gradient, losses.detach(), error)


def choose(losses: torch.Tensor, share: float) -> torch.Tensor | None:
    """Rows of the images that carry all but ``share`` of the summed loss; None: all images."""
    if share == 0:
        return None
    largest = losses.argsort(descending=True, stable=True)
    carried = losses[largest].double().cumsum(0)
    count = int((carried < (1 - share) * carried[-1]).sum()) + 1
    count = max(count, int(SMALLEST * len(losses)))
    return None if count > WHOLE * len(losses) else largest[:count].sort().values


def minimise_on_working_sets(
    module: nn.Module,
    objective: MeanLoss,
    number: int,
    method: WorkingSet,
    phase: str,
    history: History,
) -> None:
    """Minimise over the parameters of a module, in place, by L-BFGS alone.

    Parameters
    ----------
    module : Module
    objective : MeanLoss
    number : int
        Number of images.
    method : WorkingSet
    phase : str
        What is trained, for messages and the history.
    history : History
        Gets the full objective at the start and after each stage that decreases it.

    Raises
    ------
    TrainingError
        If the objective stops being finite.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = LBFGS(
        parameters,
        history_size=method.history,
        tolerance_grad=method.gradient_tolerance,
        tolerance_change=method.change_tolerance,
        line_search_fn="strong_wolfe",
    )
    point = evaluate(objective, parameters, number, phase)
    new: Point | None
    history.add(phase, point.value, point.error)
    length, share, left = FIRST, SHARE, method.iterations
    with Progress(f"training the {phase}", method.iterations, "iterations") as progress:
        while left > 0 and point.gradient.abs().max() > method.gradient_tolerance:
            rows = choose(point.losses, share)
            surrogate = Surrogate(objective, parameters, rows, point, phase)
            state = _copy(optimizer)
            try:
                steps, cut_off = _advance(optimizer, surrogate, min(length, left))
                promised = point.value - surrogate()
                new = surrogate.last
                if rows is not None:
                    new = evaluate(objective, parameters, number, phase)
            except TrainingError:
                if rows is None:
                    raise
                # a linear term has no curvature: a line search may follow it to infinity
                steps, cut_off, new = 1, False, None
            left -= steps
            images = number if rows is None else len(rows)
            progress.advance(steps, objective=f"{point.value:.6g}", images=images)
            if new is None or (rows is not None and not new.value < point.value):
                _move(parameters, point.weights)
                _restore(optimizer, state)
                share = share / 2 if length > SHORTEST else 0.0
                length = max(SHORTEST, length // 2)
                continue
            gain = point.value - new.value
            history.add(phase, new.value, new.error)
            _state(optimizer)["prev_flat_grad"].add_(new.gradient - surrogate.last.gradient)
            point = new
            stalled = gain < steps * method.change_tolerance
            # the end of its evaluations stops a stage as well, wherever it is
            stopped = steps < length and left > 0 and (stalled or not cut_off)
            if stopped and rows is None:
                break
            if stopped and stalled:
                share = 0.0
            elif rows is not None and gain < POOR * promised:
                share, length = share / FACTOR, max(SHORTEST, length // 2)
            elif rows is not None and gain > GOOD * promised:
                share = min(LARGEST_SHARE, share * FACTOR)
                length = min(LONGEST, int(length * FACTOR))


def _weights(parameters: Sequence[nn.Parameter]) -> torch.Tensor:
    return parameters_to_vector(parameters).detach()


def _split(
    vector: torch.Tensor, parameters: Sequence[nn.Parameter]
) -> Iterator[tuple[nn.Parameter, torch.Tensor]]:
    """Each parameter with its part of a vector of all."""
    parts = vector.split([p.numel() for p in parameters])
    return ((p, part.view_as(p)) for p, part in zip(parameters, parts, strict=True))


@torch.no_grad()
def _move(parameters: Sequence[nn.Parameter], weights: torch.Tensor) -> None:
    # copied: `vector_to_parameters` would make the parameters views of the vector
    for parameter, values in _split(weights, parameters):
        parameter.copy_(values)


def _advance(optimizer: LBFGS, function: Surrogate, iterations: int) -> tuple[int, bool]:
    """Iterate with one function.

    Returns the number of iterations, and whether the evaluations ran out before them.
    """
    group = optimizer.param_groups[0]
    group["max_iter"], group["max_eval"] = iterations, EVALUATIONS * iterations
    before = dict(_state(optimizer))
    optimizer.step(function)
    steps, evaluations = (
        _state(optimizer)[name] - before.get(name, 0) for name in ("n_iter", "func_evals")
    )
    return steps, steps < iterations and evaluations >= group["max_eval"]


def _state(optimizer: LBFGS) -> dict[str, Any]:
    return optimizer.state[optimizer.param_groups[0]["params"][0]]


def _copy(optimizer: LBFGS) -> dict[str, Any]:
    """State of L-BFGS, whose lists and last gradient a step changes in place."""
    copied = dict(_state(optimizer))
    for name, value in copied.items():
        if isinstance(value, list):
            copied[name] = list(value)
    if "prev_flat_grad" in copied:
        copied["prev_flat_grad"] = copied["prev_flat_grad"].clone()
    return copied


def _restore(optimizer: LBFGS, copied: dict[str, Any]) -> None:
    state = _state(optimizer)
    state.clear()
    state.update(copied)
