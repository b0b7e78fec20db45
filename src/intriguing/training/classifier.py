"""Training as in the paper: full-batch L-BFGS to convergence, or mini-batch Adam.

The objective is the mean softmax cross-entropy plus ``sum_l lambda_l sum(w^2) / k_l`` over the
layers l, with k_l the number of units of layer l; biases are not decayed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

from intriguing import registry
from intriguing.errors import TrainingError
from intriguing.training.minimisers import Adam, History, Lbfgs, minimise

NEGLIGIBLE = 1e-30
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
    method: Lbfgs | Adam,
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
    method : minimisers.Lbfgs or minimisers.Adam
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
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    layers = [model.classifier] if unsupervised else layers
    if weight_decay and len(weight_decay) != len(layers):
        raise TrainingError(
            f"weight_decay has {len(weight_decay)} values but the network has {len(layers)} layers"
            " that it applies to: give one value for each, from input to logits"
        )
    history = History()
    model.train()
    if isinstance(method, Lbfgs) and _is_random(model, images[:PROBE]):
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

    def objective(rows: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        logits = classifier(inputs if rows is None else inputs[rows])
        wanted = labels if rows is None else labels[rows]
        value = functional.cross_entropy(logits, wanted)
        for strength, layer in zip(weight_decay, layers, strict=False):
            value = value + strength * layer.weight.square().sum() / layer.out_features
        return value, (logits.detach().argmax(1) != wanted).float().mean()

    minimise(classifier, objective, len(labels), method, seed, "classifier", history)
    model.eval()
    model.requires_grad_(False)
    for weight in model.parameters():
        # decay drives the weights of pixels that are always 0 towards the denormal numbers, with
        # which a CPU's matrix products are tens of times slower
        weight[weight.abs() < NEGLIGIBLE] = 0.0
    return history


@torch.no_grad()
def _is_random(model: nn.Module, images: torch.Tensor) -> bool:
    """Whether a model in training mode answers the same images differently."""
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
