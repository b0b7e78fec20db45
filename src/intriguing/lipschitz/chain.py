"""A tighter constant for a chain of dense layers than the product: ECLipsE-Fast.

Xu & Sivaranjani 2024, *ECLipsE: efficient compositional Lipschitz constant estimation for deep
neural networks* (arXiv 2404.04375), section 4: the semidefinite programme of LipSDP solved layer by
layer in closed form. It uses that an activation's slope is at most 1 at every unit *at once*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from intriguing.lipschitz import activations
from intriguing.lipschitz.graph import BoundedGraph
from intriguing.lipschitz.norms import operator_norm, scaled

# rounding of a well-conditioned recursion (each X has a condition number of at most 2)
UP = 1 + 1e-8


class DenseChain:
    """The part of a network from the image to its last dense layer, if all of it is dense.

    Parameters
    ----------
    weights : sequence of Tensor (outputs, inputs)
        Weights of each dense layer.
    slopes : sequence of float
        Largest slope of the activation after each layer but the last; the smallest is at least 0.

    Attributes
    ----------
    weights : list of float64 Tensor
        Scaled, the slopes within them, so that activations have slopes in [0, 1].
    factor : float
        Factor by which the constant of the scaled network must be multiplied.
    """

    def __init__(self, weights: Sequence[torch.Tensor], slopes: Sequence[float]):
        self.weights: list[torch.Tensor] = []
        self.factor = 1.0
        for weight, slope in zip(weights, [1.0, *slopes], strict=True):
            weight, factor = scaled(weight)
            self.weights.append(weight)
            self.factor *= slope * factor * UP
        self._root: torch.Tensor | None = None
        if all(weight.any() for weight in self.weights):
            self._root = _root_before_last(self.weights)

    def constant(self) -> float:
        """Certified Lipschitz constant of the logits."""
        if self._root is None:
            return 0.0
        return self.factor * operator_norm(self._last(self._root))[1] * UP

    def pairwise(self) -> torch.Tensor:
        """Certified constants of all differences of two logits, Tensor (classes, classes)."""
        classes = len(self.weights[-1])
        if self._root is None:
            return torch.zeros(classes, classes, dtype=torch.float64)
        rows = self._last(self._root)
        distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
        return self.factor * distances * UP

    def _last(self, root: torch.Tensor) -> torch.Tensor:
        return _solve(root, self.weights[-1])


def _root_before_last(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """Cholesky factor of X before the last layer: the identity if there is only one layer."""
    if len(weights) == 1:
        return torch.eye(weights[0].shape[1], dtype=torch.float64)
    root = _root_after(weights[0])
    for weight in weights[1:-1]:
        root = _root_after(_solve(root, weight))
    return root


def _root_after(half: torch.Tensor) -> torch.Tensor:
    """Cholesky factor of the next X, from M = half half'."""
    matrix = half @ half.T
    scale = 2 / operator_norm(half)[1] ** 2
    inner = -(scale**2 / 4) * matrix
    inner.diagonal().add_(scale)
    return torch.linalg.cholesky(inner)


def _solve(root: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """W L^-T, so that its product with itself is W X^-1 W'."""
    return torch.linalg.solve_triangular(root, weight.T, upper=False).T


def dense_chain(graph: BoundedGraph) -> DenseChain | None:
    """The network as a `DenseChain`, or None where it is not one.

    A factor on the image, as of a normalisation inside the model, counts with the first layer; a
    change of shape before that layer does not matter. From there on units must keep their order.
    """
    if not graph.chain:
        return None
    weights: list[torch.Tensor] = []
    slopes: list[float] = []
    factor = 1.0
    for layer in graph.layers:
        module: Any = layer.module
        if type(module) is nn.Linear:
            if layer.input_shape is None or len(layer.input_shape) != 1:
                return None
            if len(weights) > len(slopes):
                slopes.append(1.0)  # two dense layers without an activation between them
            weight = module.weight.detach().double().cpu()
            weights.append(weight if weights else factor * weight)
        elif layer.kind == "scale" and not weights:
            factor *= layer.bounds.upper
        elif layer.kind == "dropout" or (layer.kind == "reshape" and not weights):
            continue
        elif type(module) is nn.Identity:
            continue
        else:
            slope = activations.slopes(module)
            if slope is None or len(weights) != len(slopes) + 1:
                return None
            slopes.append(slope[1])
    return DenseChain(weights, slopes) if len(weights) == len(slopes) + 1 else None
