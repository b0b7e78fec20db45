"""Adversarial training with a pool of examples for the output of each layer.

As Szegedy et al. 2013, section 4.2, describe it: the examples of a layer's pool train the layers
above it, a random part of each pool is continuously replaced by examples for the current weights,
the pools are mixed into the training all the time, and the layers take turns. The paper does not
state sizes, shares and rates: these are settings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from intriguing.errors import TrainingError
from intriguing.training.layer_outputs import LayerOutput, check_adam, layer_outputs
from intriguing.training.minimisers import Method, minimise
from intriguing.training.nearest_boundary import nearest_boundary, towards_boundary
from intriguing.training.objective import History
from intriguing.training.weights import decayed, decays_of, dense_layers, settle

Data = tuple[torch.Tensor, torch.Tensor]
"""Images and labels."""


@dataclass(frozen=True)
class LayerPools:
    """Settings of adversarial training.

    The objective of a mini-batch is ``1 - share`` times the mean cross-entropy of its images plus
    ``share`` times that of as many examples from one pool, with their true labels, plus the weight
    decay. The examples do not move the layers below their own.

    layers : names of the outputs that have a pool, ``input``, ``hidden1``, ...; empty: all.
    pool : number of examples of each pool.
    replaced : share of a pool that is replaced each time before it is used.
    share : of the examples in the objective.
    distortions : root mean square of a perturbation over the units, in the direction in which the
        margin falls fastest: one number, or one for each layer. 0: the perturbation to the nearest
        boundary, whatever its size.
    amplification : factor of the perturbations to the nearest boundary.
    random : perturb in random directions instead, by ``distortions``: the control without an
        adversary.
    """

    layers: Sequence[str] = ()
    pool: int = 1024
    replaced: float = 0.125
    share: float = 0.5
    distortions: float | Sequence[float] = 0.036
    amplification: float = 1.0
    random: bool = False

    def fit(
        self,
        model: nn.Module,
        data: Data,
        *,
        method: Method,
        weight_decay: Sequence[float],
        seed: int,
        history: History,
    ) -> None:
        """Train a network of dense layers in place.

        Parameters
        ----------
        model : Module
        data : (float32 Tensor (N, C, H, W), int64 Tensor (N,))
            Images and labels.
        method : minimisers.Adam
        weight_decay : sequence of float
            As in `classifier.train`.
        seed : int
            Order of the mini-batches, and which images and examples are drawn.
        history : objective.History

        Raises
        ------
        TrainingError
            If a layer does not exist, a setting is not usable or the objective stops being finite.
        """
        check_adam("adversarial", method)
        images, labels = data
        decays = decays_of(dense_layers(model), weight_decay)
        generator = torch.Generator().manual_seed(seed)
        pools = [
            Pool(output, perturbation, data, self.pool, generator)
            for output, perturbation in self.perturbed_outputs(model)
        ]
        turn = 0

        def objective(rows: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
            nonlocal turn
            assert rows is not None
            pool = pools[turn % len(pools)]
            turn += 1
            pool.replace(self.replaced, generator)
            logits = model(images[rows])
            value = (1 - self.share) * functional.cross_entropy(logits, labels[rows])
            value = value + self.share * pool.loss(len(rows), generator)
            wrong = (logits.detach().argmax(1) != labels[rows]).float().mean()
            return decayed(value, decays), wrong

        model.train()
        minimise(model, objective, len(labels), method, seed, "network with pools", history)
        settle(model)

    def perturbed_outputs(self, model: nn.Module) -> list[tuple[LayerOutput, Perturbation]]:
        """The outputs that have a pool and how each is perturbed; raises on unusable settings."""
        if self.pool < 1:
            raise TrainingError(f"pool is {self.pool}: give a number of at least 1")
        for name in ("replaced", "share"):
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"{name} is {getattr(self, name)}: give a number from 0 to 1")
        if not self.amplification > 0:
            raise TrainingError(f"amplification is {self.amplification}: give a positive number")
        known = layer_outputs(model)
        for name in self.layers:
            if name not in known:
                raise TrainingError(
                    f"layers has {name!r}, which does not exist: choose from {', '.join(known)}"
                )
        chosen = [known[name] for name in self.layers or known]
        sizes = (
            [self.distortions] * len(chosen)
            if isinstance(self.distortions, int | float)
            else list(self.distortions)
        )
        if len(sizes) != len(chosen) or not all(size >= 0 for size in sizes):
            raise TrainingError(
                f"distortions is {self.distortions!r} for {len(chosen)} pools: give one number of"
                " at least 0, or one for each pool"
            )
        if self.random and not all(sizes):
            raise TrainingError(
                f"distortions is {self.distortions!r}, but random perturbations have no boundary to"
                " go to: give a number greater than 0"
            )
        perturbations = [Perturbation(size, self.amplification, self.random) for size in sizes]
        return list(zip(chosen, perturbations, strict=True))


@dataclass(frozen=True)
class Perturbation:
    """How the output of a layer is moved against its label; see `LayerPools`."""

    distortion: float
    amplification: float = 1.0
    random: bool = False

    @torch.no_grad()
    def of(
        self,
        output: LayerOutput,
        images: torch.Tensor,
        labels: torch.Tensor,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Perturbed outputs (N, n) of a layer for images; dropout is off."""
        # each module's own: the parts are slices, in training mode whatever the network's is
        modes = [(m, m.training) for p in (output.below, output.above) for m in p.modules()]
        for module, _ in modes:
            module.training = False
        originals = output.below(images)
        length = self.distortion * math.sqrt(originals.shape[1])
        if self.random:
            noise = torch.randn(originals.shape, generator=generator).to(originals.device)
            points = originals + length * noise / noise.norm(dim=1, keepdim=True)
        elif self.distortion:
            points = towards_boundary(output.above, originals, labels, length)
        else:
            points, _ = nearest_boundary(output.above, originals, labels, output.box)
            points = torch.lerp(originals, points, self.amplification)
        for module, training in modes:
            module.training = training
        return points.clamp(*output.box)


class Pool:
    """Adversarial examples for the output of one layer, with the true labels.

    Parameters
    ----------
    output : LayerOutput
    perturbation : Perturbation
    data : (Tensor (N, C, H, W), Tensor (N,))
        The images, with labels, that examples are made from.
    number : int
        Of examples.
    generator : torch.Generator
    """

    def __init__(
        self,
        output: LayerOutput,
        perturbation: Perturbation,
        data: Data,
        number: int,
        generator: torch.Generator,
    ):
        self.output, self.perturbation, self.data = output, perturbation, data
        self.points, self.labels = self._new(number, generator)

    def replace(self, share: float, generator: torch.Generator) -> None:
        """Replace a random share of the examples by new ones for the present weights.

        At least one example, unless the share is 0.
        """
        if share > 0:
            number = max(1, round(share * len(self.labels)))
            leaving = torch.randperm(len(self.labels), generator=generator)[:number]
            self.points[leaving], self.labels[leaving] = self._new(number, generator)

    def loss(self, number: int, generator: torch.Generator) -> torch.Tensor:
        """Mean cross-entropy of random examples, which depends on the layers above alone."""
        rows = torch.randint(len(self.labels), (number,), generator=generator)
        return functional.cross_entropy(self.output.above(self.points[rows]), self.labels[rows])

    def _new(self, number: int, generator: torch.Generator) -> Data:
        images, labels = self.data
        rows = torch.randint(len(labels), (number,), generator=generator)
        points = self.perturbation.of(self.output, images[rows], labels[rows], generator)
        return points, labels[rows]
