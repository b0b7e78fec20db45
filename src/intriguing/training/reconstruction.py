"""Learning the filters of a `QuocNet` without labels, by reconstruction TICA, stack by stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from intriguing.errors import TrainingError
from intriguing.networks.local_layers import (
    L2Pool2d,
    LocallyConnected2d,
    apply_local,
    transpose_local,
)
from intriguing.networks.quocnet import QuocNet
from intriguing.training.minimisers import Adam, Method, minimise
from intriguing.training.objective import History

# images that a stack is given at a time
CHUNK = 500
DEFAULT_METHOD = Adam(epochs=4, batch_size=50, learning_rate=2e-3)


@dataclass(frozen=True)
class ReconstructionTica:
    """Settings of reconstruction topographic independent component analysis.

    A stack's objective, averaged over what it is given, is (Le et al. 2012, equation 1)

        |W2 W1' x - x|^2 + sparsity * sum_j sqrt(epsilon + H_j (W1' x)^2)

    with H the stack's pool. W1 and W2 are separate, as there. Each column of W2 has length 1: else
    ever smaller codes under an ever larger W2 would cost no penalty. With W1 normalised in its
    place, W1 would turn to directions in which images hardly differ. Le et al. have a sparsity of
    0.1, for images of another size and scale; with that these filters hardly become sparse.

    sparsity : for all stacks, or a sequence with a value for each: the penalty's share of the
        objective depends on how much of what a stack is given its filters can reconstruct.
    epsilon : positive.
    method : how each stack is trained.
    """

    sparsity: float | Sequence[float] = 1.0
    epsilon: float = 1e-2
    method: Method = DEFAULT_METHOD

    def fit(self, model: QuocNet, images: torch.Tensor, seed: int, history: History) -> None:
        """Train the stacks of a network one after the other, in place and without labels.

        Each is given what the trained ones before it make of the images.

        Parameters
        ----------
        model : QuocNet
        images : float32 Tensor (N, C, H, W)
        seed : int
            Order of the mini-batches.
        history : objective.History
            Gets the objective of each stack, as phases ``stack 1``, ``stack 2``, ...

        Raises
        ------
        TrainingError
            If a setting is not usable or the objective stops being finite.
        """
        sparsities = _for_each(self.sparsity, len(model.stacks))
        if not self.epsilon > 0:
            raise TrainingError(f"epsilon is {self.epsilon}: give a positive number")
        inputs = _in_chunks(model.preprocessing, images)
        for number, (stack, sparsity) in enumerate(zip(model.stacks, sparsities, strict=True), 1):
            code = LocalAutoencoder(stack.filters)

            def objective(rows, inputs=inputs, stack=stack, code=code, sparsity=sparsity):
                batch = inputs if rows is None else inputs[rows]
                return code.objective(batch, stack.pool, sparsity, self.epsilon), None

            phase = f"stack {number}"
            minimise(code, objective, len(inputs), self.method, seed, phase, history)
            if number < len(model.stacks):
                inputs = _in_chunks(stack, inputs)


class LocalAutoencoder(nn.Module):
    """A local layer's filters W1 as the encoder, and a decoder W2 for the time of training.

    The encoder starts from 0, and W2 from the layer's random filters. Otherwise W1 would keep what
    is random in it, in all directions in which images have no energy.

    Parameters
    ----------
    filters : LocallyConnected2d
        Its weight is the encoder: it is trained in place.
    """

    def __init__(self, filters: LocallyConnected2d):
        super().__init__()
        self.stride, self.size = filters.stride, filters.input_shape[1:]
        self.encoder = filters.weight
        self.decoder = nn.Parameter(filters.weight.detach().clone())
        with torch.no_grad():
            self.encoder.zero_()

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """W1' x: (B, C, H, W) to (B, D, oh, ow)."""
        return apply_local(images, self.encoder, self.stride)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """W2 h, with W2's columns divided by their lengths: (B, D, oh, ow) to (B, C, H, W)."""
        lengths = torch.linalg.vector_norm(self.decoder, dim=(3, 4, 5), keepdim=True)
        return transpose_local(codes, self.decoder / lengths, self.stride, self.size)

    def objective(
        self, images: torch.Tensor, pool: L2Pool2d, sparsity: float, epsilon: float
    ) -> torch.Tensor:
        """The objective's mean over images, a Tensor ()."""
        codes = self.encode(images)
        errors = (self.decode(codes) - images).square().flatten(1).sum(1)
        sums = F.avg_pool2d(codes.square(), pool.kernel_size, pool.stride, divisor_override=1)
        penalties = (epsilon + sums).sqrt().flatten(1).sum(1)
        return (errors + sparsity * penalties).mean()


def _for_each(sparsity: float | Sequence[float], count: int) -> list[float]:
    values = [sparsity] * count if isinstance(sparsity, int | float) else list(sparsity)
    if len(values) != count or not all(value >= 0 for value in values):
        raise TrainingError(
            f"sparsity is {sparsity!r} for {count} stacks: give one number of at least 0, or one"
            " for each stack"
        )
    return values


@torch.no_grad()
def _in_chunks(module: nn.Module, images: torch.Tensor) -> torch.Tensor:
    return torch.cat([module(part) for part in images.split(CHUNK)])
