"""The layers of a dense network, for the trainings that treat each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from intriguing.errors import TrainingError
from intriguing.training.minimisers import Adam, Method

# what the output of an activation can be
_RANGES: dict[type[nn.Module], tuple[float, float]] = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.ReLU: (0.0, math.inf),
}
# what leaves the number of the layer as it is
_PASSED = (nn.Flatten, nn.Dropout)


@dataclass(frozen=True)
class LayerOutput:
    """The output of a layer, between the layers below and those above it.

    name : ``input`` (the flattened image), ``hidden1``, ``hidden2``, ...
    below, above : the two parts of the network, which share its weights.
    box : least and largest value that the output can have.
    """

    name: str
    below: nn.Sequential
    above: nn.Sequential
    box: tuple[float, float]


def layer_outputs(model: nn.Module) -> dict[str, LayerOutput]:
    """The outputs of a network of dense layers that have a layer above them, by name.

    Raises
    ------
    TrainingError
        If the network is not a chain of dense layers with activations between them.
    """
    modules = list(model) if isinstance(model, nn.Sequential) else []
    known = (nn.Linear, *_PASSED, *_RANGES)
    if not modules or not isinstance(modules[0], nn.Flatten) or not _all(modules, known):
        raise TrainingError(
            f"the layers of a {type(model).__name__} have no pools or norms here: choose the"
            " architecture fully_connected or softmax, or remove adversarial and contraction"
        )
    assert isinstance(model, nn.Sequential)
    found = {"input": LayerOutput("input", model[:1], model[1:], (0.0, 1.0))}
    for position, module in enumerate(modules, 1):
        if type(module) in _RANGES:
            name = f"hidden{len(found)}"
            box = _RANGES[type(module)]
            found[name] = LayerOutput(name, model[:position], model[position:], box)
    return found


def _all(modules: Sequence[nn.Module], known: tuple[type[nn.Module], ...]) -> bool:
    return all(type(module) in known for module in modules)


def check_adam(key: str, method: Method) -> None:
    """Raise `TrainingError` unless a network is trained on mini-batches."""
    if not isinstance(method, Adam):
        raise TrainingError(
            f"{key} changes the objective at every step, which L-BFGS cannot minimise: give the"
            " model's entry a training of its own, {adam: {}}"
        )
