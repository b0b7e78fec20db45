"""Tighter constants for a chain of dense layers than the product: ECLipsE-Fast, and beyond.

Both are feasible points of the semidefinite programme of LipSDP, one layer after the other, without
a solver; they use that an activation has slopes in [a, b] at every unit *at once*. If
|x|^2 >= h' X h for the map h(x) so far, W the next weight and M = W X^-1 W', then the same holds
after the activation, scaled so that b = 1, for

    X = D^1/2 c (I - m^2 S c (I + a c S)^-1) D^1/2,   S = D^1/2 M D^1/2,   m = (1 + a) / 2,

whatever the diagonal D > 0, with c = 2 / ((1 - a) |S|): the Schur complement of LipSDP's condition
for the multipliers c D. The constant is |W X^-1/2| of the last layer.

- D = I and a = 0 is ECLipsE-Fast (Xu & Sivaranjani 2024, arXiv 2404.04375, section 4).
- Syed & Hu 2025 (arXiv 2503.14297) propose others in closed form. Here D is found by gradient
  descent on the constant, from D = I: it needs no solver, only the factorisation that proves
  whatever was found. (Of closed forms, D from Gershgorin's circles gave more than ECLipsE-Fast on
  networks trained as the paper's.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from intriguing.lipschitz import activations
from intriguing.lipschitz.activations import Slopes
from intriguing.lipschitz.graph import BoundedGraph
from intriguing.lipschitz.norms import operator_norm, scaled

# rounding of a well-conditioned recursion: each X, with D taken off, has a condition number of at
# most 4, and I + a c S one of at most 40
UP = 1 + 1e-8
STEEPEST, FLATTEST = -0.95, 0.5
# of the descent: logarithms of D and their steps; units a layer up to which it is worth its time
STEPS, STEP, FARTHEST = 100, 0.05, 3.0
LARGEST_DESCENT = 512
# modules that leave units alone in evaluation
UNCHANGED = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)


class DenseChain:
    """The part of a network from the image to its last dense layer, if all of it is dense.

    Parameters
    ----------
    weights : sequence of Tensor (outputs, inputs)
        Weights of each dense layer.
    slopes : sequence of (float, float)
        Smallest and largest slope of the activation after each layer but the last.

    Attributes
    ----------
    weights : list of float64 Tensor
        Scaled, the slopes within them, so that activations have a slope of at most 1.
    lowest : list of float
        The smallest slopes of the scaled activations, at least -1.
    factor : float
        Factor by which the constant of the scaled network must be multiplied.
    """

    def __init__(self, weights: Sequence[torch.Tensor], slopes: Sequence[Slopes]):
        self.weights: list[torch.Tensor] = []
        self.lowest: list[float] = []
        self.factor = 1.0
        for weight, (smallest, largest) in zip(weights, [(1.0, 1.0), *slopes], strict=True):
            # the activation's sign does not matter
            if abs(smallest) > abs(largest):
                smallest, largest = -largest, -smallest
            weight, factor = _of_norm_one(weight)
            self.weights.append(weight)
            self.factor *= largest * factor * UP
            ratio = smallest / largest if largest else 0.0
            self.lowest.append(-1.0 if ratio < STEEPEST else min(ratio, FLATTEST))
        del self.lowest[0]
        self._alive = all(weight.any() for weight in self.weights) and all(
            largest for _, largest in slopes
        )
        if self._alive and not 0 < self.factor < torch.inf:
            raise OverflowError("the product of the layers' norms is not a number of float64")
        self._closed = self._rows([None] * len(self.lowest)) if self._alive else None
        self._found: torch.Tensor | None = None

    def constant(self) -> float:
        """Certified Lipschitz constant of the logits, by ECLipsE-Fast."""
        return 0.0 if self._closed is None else self._of(self._closed)

    def best_constant(self) -> float:
        """The same with multipliers found by gradient descent; at most `constant`."""
        simple = self.constant()
        if not self._alive or max(map(len, self.weights[:-1]), default=0) > LARGEST_DESCENT:
            return simple
        if self._found is None:
            self._found = self._rows(self._descended())
        return min(simple, self._of(self._found))

    def pairwise(self) -> torch.Tensor:
        """Certified constants of all differences of two logits, Tensor (classes, classes)."""
        classes = len(self.weights[-1])
        if self._closed is None:
            return torch.zeros(classes, classes, dtype=torch.float64)
        known = [rows for rows in (self._closed, self._found) if rows is not None]
        mode = "donot_use_mm_for_euclid_dist"
        distances = [torch.cdist(rows, rows, compute_mode=mode) for rows in known]
        return self.factor * torch.stack(distances).amin(0) * UP

    def _of(self, rows: torch.Tensor) -> float:
        return self.factor * operator_norm(rows)[1] * UP

    def _rows(
        self,
        multipliers: Sequence[torch.Tensor | None],
        square: Callable[[torch.Tensor], Any] = lambda rows: operator_norm(rows)[1] ** 2,
    ) -> torch.Tensor:
        """W X^-1/2 of the last layer, for the square roots of D of each activation.

        ``square`` gives the squared norm of a matrix, or more.
        """
        half = self.weights[0]
        for weight, lowest, multiplier in zip(
            self.weights[1:], self.lowest, multipliers, strict=True
        ):
            root = _root_after(half, lowest, multiplier, square)
            half = torch.linalg.solve_triangular(root, weight.T, upper=False).T
        return half

    @torch.enable_grad()
    def _descended(self) -> list[torch.Tensor | None]:
        """Square roots of the D with the smallest constant that a gradient descent meets."""
        logarithms = [
            torch.zeros(len(weight), dtype=torch.float64, requires_grad=True)
            for weight in self.weights[:-1]
        ]
        if not logarithms:
            return []
        best, found = torch.inf, logarithms
        optimiser = torch.optim.Adam(logarithms, lr=STEP)
        for _ in range(STEPS):
            roots = [(one.clamp(-FARTHEST, FARTHEST) / 2).exp() for one in logarithms]
            value = _squared_norm(self._rows(roots, _squared_norm))
            if value.item() < best:
                best, found = value.item(), [root.detach() for root in roots]
            optimiser.zero_grad()
            value.log().backward()
            optimiser.step()
        return list(found)


def _of_norm_one(weight: torch.Tensor) -> tuple[torch.Tensor, float]:
    """A weight divided by a power of two, so that its norm is about 1; and that power."""
    weight, factor = scaled(weight)
    exponent = round(math.log2(operator_norm(weight)[1])) if weight.any() else 0
    return weight * 2.0**-exponent, factor * 2.0**exponent


def _squared_norm(matrix: torch.Tensor) -> torch.Tensor:
    """With a gradient, and not certified."""
    short = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    return torch.linalg.eigvalsh(short @ short.T)[-1]


def _root_after(
    half: torch.Tensor,
    lowest: float,
    multiplier: torch.Tensor | None,
    square: Callable[[torch.Tensor], Any],
) -> torch.Tensor:
    """A triangular root of the next X, from M = half half' and the square root of D."""
    if multiplier is not None:
        half = multiplier[:, None] * half
    step = 2 / ((1 - lowest) * square(half))
    inner = step * (half @ half.T)
    identity = torch.eye(len(half), dtype=half.dtype)
    if lowest > -1 and lowest != 0:
        inner = torch.linalg.solve(identity + lowest * inner, inner)
        inner = (inner + inner.T) / 2
    root = torch.linalg.cholesky(step * (identity - ((1 + lowest) / 2) ** 2 * inner))
    return root if multiplier is None else multiplier[:, None] * root


def dense_chain(graph: BoundedGraph) -> DenseChain | None:
    """The network as a `DenseChain`, or None where it is not one.

    A factor on the image, as of a normalisation inside the model, counts with the first layer; a
    change of shape before that layer does not matter. From there on units must keep their order.
    """
    if not graph.chain:
        return None
    weights: list[torch.Tensor] = []
    slopes: list[Slopes] = []
    factor = 1.0
    for layer in graph.layers:
        module: Any = layer.module
        if type(module) is nn.Linear:
            if layer.input_shape is None or len(layer.input_shape) != 1:
                return None
            if len(weights) > len(slopes):
                slopes.append((1.0, 1.0))  # two dense layers without an activation between them
            weight = module.weight.detach().double().cpu()
            weights.append(weight if weights else factor * weight)
        elif layer.kind == "scale" and not weights:
            factor *= layer.bounds.upper
        elif type(module) in UNCHANGED:
            continue
        elif layer.kind == "reshape" and not weights:
            factor *= layer.bounds.upper
        else:
            found = None if module is None else activations.slopes(module)
            if found is None or len(weights) != len(slopes) + 1:
                return None
            slopes.append(found)
    if len(weights) != len(slopes) + 1:
        return None
    try:
        return DenseChain(weights, slopes)
    except OverflowError:  # as far as that, the product of the layers is of no use either
        return None
