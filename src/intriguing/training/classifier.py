"""Training as in the paper: L-BFGS to convergence; or mini-batch Adam.

The objective is the mean softmax cross-entropy plus ``sum_l lambda_l sum(w^2) / k_l`` over the
layers l, with k_l the number of units of layer l; biases are not decayed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.dropout import _DropoutNd

from intriguing import registry
from intriguing.errors import TrainingError
from intriguing.training.minimisers import Adam, Method, minimise
from intriguing.training.objective import History
from intriguing.training.weights import Decays, decayed, decays_of, dense_layers, settle

# images that show whether a model is random
PROBE = 8
# images encoded at once
BATCH = 500


class Unsupervised(Protocol):
    """Settings of a training without labels, which know how to carry it out."""

    def fit(self, model: nn.Module, images: torch.Tensor, seed: int, history: History) -> None:
        """Train the code (``encode``) of a model in place."""


def train(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    method: Method,
    weight_decay: Sequence[float] = (),
    code: Unsupervised | None = None,
    seed: int = 0,
) -> History:
    """Train a network in place.

    Parameters
    ----------
    model : Module
        As `networks.build` gives it. One with an attribute ``unsupervised`` (a reference, see
        `registry.resolve`) has a code, ``encode``, that is trained without labels first; then its
        ``classifier`` is trained on the frozen code.
    images : float32 Tensor (N, C, H, W)
    labels : int64 Tensor (N,)
    method : minimisers.Lbfgs, working_set.WorkingSet or minimisers.Adam
    weight_decay : sequence of float
        lambda for each dense layer (of a network with a code, for the classifier alone), from input
        to logits; empty: none.
    code : Unsupervised, optional
        Settings of the training without labels, instead of the defaults of what
        ``model.unsupervised`` names.
    seed : int
        Order of the mini-batches.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If the number of decays does not fit or the objective stops being finite.
    """
    unsupervised = getattr(model, "unsupervised", None)
    layers = [model.classifier] if unsupervised else dense_layers(model)
    decays = decays_of(layers, weight_decay)
    history = History()
    model.train()
    if not isinstance(method, Adam) and _is_random(model, images[:PROBE]):
        raise TrainingError(
            "the network gives the same image other logits each time in training, as dropout does,"
            " which L-BFGS cannot minimise: give its entry a training of its own, {adam: {}}"
        )
    if unsupervised:
        stage = registry.resolve(unsupervised)() if code is None else code
        stage.fit(model, images, seed, history)
        inputs, classifier = _frozen_code(model, images), model.classifier
    else:
        inputs, classifier = images, model

    objective = CrossEntropy(classifier, inputs, labels, decays)
    minimise(classifier, objective, len(labels), method, seed, "classifier", history)
    settle(model)
    return history


@dataclass(frozen=True)
class CrossEntropy:
    """The paper's objective, an `objective.MeanLoss`."""

    classifier: nn.Module
    inputs: torch.Tensor
    labels: torch.Tensor
    decays: Decays

    def losses(self) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.classifier(self.inputs)
        return functional.cross_entropy(logits, self.labels, reduction="none"), self._wrong(logits)

    def penalty(self) -> torch.Tensor:
        return decayed(torch.zeros((), device=self.labels.device), self.decays)

    def part(self, rows: torch.Tensor) -> CrossEntropy:
        return replace(self, inputs=self.inputs[rows], labels=self.labels[rows])

    def __call__(self, rows: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        part = self if rows is None else self.part(rows)
        logits = self.classifier(part.inputs)
        value = decayed(functional.cross_entropy(logits, part.labels), self.decays)
        return value, part._wrong(logits).float().mean()

    def _wrong(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.detach().argmax(1) != self.labels


@torch.no_grad()
def _is_random(model: nn.Module, images: torch.Tensor) -> bool:
    """Whether a model in training mode has dropout, or answers the same images differently."""
    # a small probability of dropout may change none of a few answers
    if any(isinstance(module, _DropoutNd) and module.p > 0 for module in model.modules()):
        return True
    # a copy, and a random state of its own: batch norm and the seed's numbers stay as they were
    copied = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        first, second = (copied(images).nan_to_num() for _ in range(2))
    return not torch.equal(first, second)


def _frozen_code(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Freeze a model's code and encode the images: Tensor (N, F)."""
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    model.eval()
    with torch.no_grad():
        return torch.cat([model.encode(part) for part in images.split(BATCH)])
