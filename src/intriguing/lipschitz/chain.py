"""A tighter constant for a chain of dense layers than the product: ECLipsE-Fast.

Xu & Sivaranjani 2024, *ECLipsE: efficient compositional Lipschitz constant estimation for deep
neural networks* (arXiv 2404.04375), section 4: the semidefinite programme of LipSDP solved layer by
layer in closed form. It uses that an activation's slope is at most 1 at every unit *at once*.
"""

import torch
from torch import nn

from intriguing.lipschitz import layers
from intriguing.lipschitz.norms import operator_norm, scaled

# what rounding can do to a well-conditioned recursion (each X has a condition number of at most 2)
UP = 1 + 1e-8


class DenseChain:
    """The part of a network from the image to its last dense layer, if all of it is dense.

    Parameters
    ----------
    weights : list of Tensor (outputs, inputs)
        Of each dense layer.
    slopes : list of float
        Largest slope of the activation after each layer but the last; the smallest is at least 0.

    Attributes
    ----------
    weights : list of float64 Tensor
        Scaled, the slopes within them, so that activations have slopes in [0, 1].
    factor : float
        What the constant of the scaled network is to be multiplied by.
    """

    def __init__(self, weights, slopes):
        self.weights, self.factor = [], 1.0
        for weight, slope in zip(weights, [1.0, *slopes], strict=True):
            weight, factor = scaled(weight)
            self.weights.append(weight)
            self.factor *= slope * factor * UP
        self._root = None
        if all(weight.any() for weight in self.weights):
            self._root = _root_before_last(self.weights)

    def constant(self):
        """Certified Lipschitz constant of the logits."""
        return 0.0 if self._root is None else self._norm(self._last())

    def pairwise(self):
        """Certified constants of all differences of two logits, Tensor (classes, classes)."""
        classes = len(self.weights[-1])
        if self._root is None:
            return torch.zeros(classes, classes, dtype=torch.float64)
        rows = self._last()
        distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
        return self.factor * distances * UP

    def _norm(self, matrix):
        return self.factor * operator_norm(matrix)[1] * UP

    def _last(self):
        return _solve(self._root, self.weights[-1])


def _root_before_last(weights):
    """Cholesky factor of X before the last layer; the identity's where there is no other."""
    root = torch.eye(weights[0].shape[1], dtype=torch.float64) if len(weights) == 1 else None
    for number, weight in enumerate(weights[:-1]):
        half = weight if number == 0 else _solve(root, weight)
        matrix = half @ half.T
        scale = 2 / operator_norm(half)[1] ** 2
        inner = -(scale**2 / 4) * matrix
        inner.diagonal().add_(scale)
        root = torch.linalg.cholesky(inner)
    return root


def _solve(root, weight):
    """W L^-T, so that its product with itself is W X^-1 W'."""
    return torch.linalg.solve_triangular(root, weight.T, upper=False).T


def dense_chain(walk):
    """The network as a `DenseChain`, or None where it is not one.

    A factor on the image, as of a normalisation inside the model, counts with the first layer; so
    do shapes before it. From there on units have to stay in their places.
    """
    if not walk.chain:
        return None
    weights, slopes, factor = [], [], 1.0
    for layer in walk.layers:
        module = layer.module
        if type(module) is nn.Linear:
            if len(layer.input_shape) != 1:
                return None
            if len(weights) > len(slopes):
                slopes.append(1.0)  # two dense layers without an activation between them
            weight = module.weight.detach().double().cpu()
            weights.append(weight if weights else factor * weight)
        elif layer.kind == "scale" and not weights:
            factor *= layer.bounds.upper
        elif layer.kind == "dropout" or (layer.kind == "reshape" and not weights):
            continue
        elif type(module) in layers.SLOPES and len(weights) == len(slopes) + 1:
            slopes.append(layers.SLOPES[type(module)][1])
        elif type(module) is not nn.Identity:
            return None
    return DenseChain(weights, slopes) if len(weights) == len(slopes) + 1 else None
