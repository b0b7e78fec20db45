"""A sparse autoencoder's code under a softmax layer: the paper's AE400-10."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from intriguing.errors import ModelError
from intriguing.networks.initialisation import glorot_linear


class Autoencoder(nn.Module):
    """A sparse autoencoder's sigmoid code under a softmax layer (the paper's AE400-10).

    The decoder takes part in the unsupervised training only; the logits do not depend on it.

    Parameters
    ----------
    input_shape : tuple of int
        (C, H, W).
    classes : int
        Number of logits.
    units : int
        Size of the code.
    """

    unsupervised = "intriguing.training.sparse_code:Sparsity"
    """Settings of the training of its code, which comes before that of ``classifier``."""

    def __init__(self, input_shape: Sequence[int], classes: int, *, units: int):
        super().__init__()
        inputs = math.prod(input_shape)
        if units < 1:
            raise ModelError(f"units must be positive, not {units}")
        self.encoder = glorot_linear(inputs, units, 1.0)
        self.decoder = glorot_linear(units, inputs, 1.0)
        self.classifier = nn.Linear(units, classes)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Hidden code in (0, 1), Tensor (B, units)."""
        return torch.sigmoid(self.encoder(images.flatten(1)))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Reconstruction in (0, 1), Tensor (B, inputs)."""
        return torch.sigmoid(self.decoder(codes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.encode(images))
