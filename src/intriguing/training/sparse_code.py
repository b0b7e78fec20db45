"""The paper's AE400-10: a sparse autoencoder and its training without labels."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from intriguing.errors import ModelError
from intriguing.networks.initialisation import glorot_linear
from intriguing.training.minimisers import Adam, Lbfgs, minimise


class Autoencoder(nn.Module):
    """A sparse autoencoder's sigmoid code under a softmax layer (the paper's AE400-10).

    The decoder takes part in the unsupervised training only; the logits do not depend on it.
    """

    def __init__(self, input_shape, classes, *, units):
        super().__init__()
        inputs = math.prod(input_shape)
        if units < 1:
            raise ModelError(f"units must be positive, not {units}")
        self.encoder = glorot_linear(inputs, units, 1.0)
        self.decoder = glorot_linear(units, inputs, 1.0)
        self.classifier = nn.Linear(units, classes)

    def encode(self, images):
        """Hidden code in (0, 1), Tensor (B, units)."""
        return torch.sigmoid(self.encoder(images.flatten(1)))

    def decode(self, codes):
        """Reconstruction in (0, 1), Tensor (B, inputs)."""
        return torch.sigmoid(self.decoder(codes))

    def forward(self, images):
        return self.classifier(self.encode(images))


DEFAULT_METHOD = Adam()


@dataclass(frozen=True)
class Sparsity:
    """Unsupervised stage of the sparse autoencoder.

    The objective is half the squared reconstruction error of an image, averaged over images, plus
    ``penalty`` times the summed Kullback-Leibler divergence between Bernoulli variables of mean
    ``activation`` and of each unit's mean activation, plus ``decay / 2`` times sum(w^2) of both
    layers (Ng, *Sparse autoencoder*, CS294A lecture notes; the paper gives no settings of its own).
    """

    activation: float = 0.1
    penalty: float = 3.0
    decay: float = 3e-3
    method: Lbfgs | Adam = DEFAULT_METHOD


def fit_code(model, images, sparsity, seed, history):
    """Train the code of an autoencoder without labels, in place.

    Parameters
    ----------
    model : Autoencoder
    images : float32 Tensor (N, C, H, W)
    sparsity : Sparsity
    seed : int
        Order of the mini-batches.
    history : minimisers.History

    Raises
    ------
    TrainingError
        If the objective stops being finite.
    """
    images = images.flatten(1)
    decayed = [model.encoder.weight, model.decoder.weight]
    wanted = torch.tensor(sparsity.activation, device=images.device)

    def objective(rows):
        batch = images if rows is None else images[rows]
        codes = model.encode(batch)
        reconstruction = 0.5 * (model.decode(codes) - batch).square().sum(1).mean()
        mean = codes.mean(0).clamp(1e-6, 1 - 1e-6)
        divergence = (
            wanted * (wanted / mean).log() + (1 - wanted) * ((1 - wanted) / (1 - mean)).log()
        )
        value = reconstruction + sparsity.penalty * divergence.sum()
        return value + 0.5 * sparsity.decay * sum(w.square().sum() for w in decayed), None

    code = nn.ModuleList([model.encoder, model.decoder])
    minimise(code, objective, len(images), sparsity.method, seed, "code", history)
