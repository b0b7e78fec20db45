"""Contractive training: the Lipschitz constant of the whole network stays below a given one.

The constant is that from image to logits, in the Euclidean norm, as `lipschitz.network_bounds`
certifies it: the product of the layers' operator norms and of the activations' slopes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from intriguing.errors import TrainingError
from intriguing.training.layer_outputs import check_adam, layer_outputs
from intriguing.training.minimisers import Method, minimise
from intriguing.training.objective import History
from intriguing.training.weights import decayed, decays_of, dense_layers, settle

SLOPES: dict[type[nn.Module], float] = {nn.Sigmoid: 0.25, nn.Tanh: 1.0, nn.ReLU: 1.0}
"""Largest slopes of the activations."""

# what the last projection leaves to certified norms, which are slightly above the true ones: many
# singular values are equal then
ROOM = 1 - 1e-4


@dataclass(frozen=True)
class Contraction:
    """Settings of a training that keeps the network's constant.

    Before each step the singular values of each dense layer are clipped at the layer's limit. All
    layers have the same limit, so that the product of these and of the slopes is ``constant``. With
    a small constant logits differ little, and the plain cross-entropy would go on to enlarge the
    margins of images that have the largest already: the objective is the cross-entropy of
    ``temperature`` times the logits.

    constant : Lipschitz constant of the whole network, L2 to L2, from image to logits.
    temperature : factor of the logits in the objective alone.
    """

    constant: float
    temperature: float = 20.0

    def fit(
        self,
        model: nn.Module,
        data: tuple[torch.Tensor, torch.Tensor],
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
            Of each dense layer, as in `classifier.train`, besides the limits.
        seed : int
            Order of the mini-batches.
        history : objective.History

        Raises
        ------
        TrainingError
            If a setting is not usable, the network not of dense layers, or the objective stops
            being finite.
        """
        check_adam("contraction", method)
        images, labels = data
        decays = decays_of(dense_layers(model), weight_decay)
        layers, limit = self.limits(model)
        for layer in layers:
            raise_norms(layer.weight, limit)

        def objective(rows: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
            assert rows is not None
            for layer in layers:
                clip_norm(layer.weight, limit)
            logits = self.temperature * model(images[rows])
            value = functional.cross_entropy(logits, labels[rows]) / self.temperature
            wrong = (logits.detach().argmax(1) != labels[rows]).float().mean()
            return decayed(value, decays), wrong

        model.train()
        minimise(model, objective, len(labels), method, seed, "contractive network", history)
        settle(model)
        for layer in layers:
            clip_norm(layer.weight, ROOM * limit)

    def limits(self, model: nn.Module) -> tuple[list[nn.Linear], float]:
        """The dense layers, and the operator norm that each may have."""
        for name in ("constant", "temperature"):
            if not 0 < getattr(self, name) < math.inf:
                raise TrainingError(
                    f"{name} is {getattr(self, name)}: give a finite number greater than 0"
                )
        layer_outputs(model)  # raises where a layer is not known
        layers = dense_layers(model)
        slopes = math.prod(SLOPES.get(type(module), 1.0) for module in model.modules())
        return layers, (self.constant / slopes) ** (1 / len(layers))


@torch.no_grad()
def clip_norm(weight: torch.Tensor, limit: float) -> None:
    """Clip the singular values of a matrix at a limit, in place: the nearest matrix of that norm.

    Parameters
    ----------
    weight : Tensor (outputs, inputs)
    limit : float

    Raises
    ------
    TrainingError
        If the weights are not finite.
    """
    if not weight.isfinite().all():
        raise TrainingError(
            "the weights of the contractive network became NaN or infinite, and with them the"
            " objective: lower the learning rate or the weight decay, or check the images"
        )
    double = weight.double()
    # of the Gram matrix: several times faster than the singular value decomposition
    squares, vectors = torch.linalg.eigh(double @ double.T)
    factors = (limit / squares.clamp_min(1e-30).sqrt()).clamp_max(1.0)
    if (factors < 1).any():
        weight.copy_((vectors * factors) @ (vectors.T @ double))


@torch.no_grad()
def raise_norms(weight: torch.Tensor, limit: float) -> None:
    """Set all singular values of a matrix to a limit, in place: none shrinks a signal more."""
    left, _, right = torch.linalg.svd(weight.double(), full_matrices=False)
    weight.copy_(limit * left @ right)
