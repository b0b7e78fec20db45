"""Training of the paper's AE400-10 without labels: a sparse code."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from intriguing.networks.autoencoder import Autoencoder
from intriguing.training.minimisers import Adam, Method, minimise
from intriguing.training.objective import History

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
    method: Method = DEFAULT_METHOD

    def fit(self, model: Autoencoder, images: torch.Tensor, seed: int, history: History) -> None:
        """Train the code of an autoencoder without labels, in place.

        Parameters
        ----------
        model : Autoencoder
        images : float32 Tensor (N, C, H, W)
        seed : int
            Order of the mini-batches.
        history : objective.History

        Raises
        ------
        TrainingError
            If the objective stops being finite.
        """
        images = images.flatten(1)
        decayed = [model.encoder.weight, model.decoder.weight]
        wanted = torch.tensor(self.activation, device=images.device)

        def objective(rows: torch.Tensor | None) -> tuple[torch.Tensor, None]:
            batch = images if rows is None else images[rows]
            codes = model.encode(batch)
            reconstruction = 0.5 * (model.decode(codes) - batch).square().sum(1).mean()
            mean = codes.mean(0).clamp(1e-6, 1 - 1e-6)
            divergence = (
                wanted * (wanted / mean).log() + (1 - wanted) * ((1 - wanted) / (1 - mean)).log()
            )
            value = reconstruction + self.penalty * divergence.sum()
            return value + 0.5 * self.decay * sum(w.square().sum() for w in decayed), None

        code = nn.ModuleList([model.encoder, model.decoder])
        minimise(code, objective, len(images), self.method, seed, "code", history)
