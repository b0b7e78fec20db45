"""The weights of dense layers in training: their decay, and what is left of them at the end."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from intriguing.errors import TrainingError

NEGLIGIBLE = 1e-30

Decays = Sequence[tuple[float, nn.Linear]]
"""Strengths lambda, each with the layer that it applies to."""


def dense_layers(model: nn.Module) -> list[nn.Linear]:
    """The dense layers of a model, from input to logits."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def decays_of(layers: Sequence[nn.Linear], strengths: Sequence[float]) -> Decays:
    """Each layer with its strength; nothing if there are no strengths.

    Raises
    ------
    TrainingError
        If there are strengths, but not one for each layer.
    """
    if strengths and len(strengths) != len(layers):
        raise TrainingError(
            f"weight_decay has {len(strengths)} values but the network has {len(layers)} layers"
            " that it applies to: give one value for each, from input to logits"
        )
    return list(zip(strengths, layers, strict=False))


def decayed(value: torch.Tensor, decays: Decays) -> torch.Tensor:
    """A value plus sum_l lambda_l sum(w^2) / k_l, with k_l the number of units of layer l."""
    for strength, layer in decays:
        value = value + strength * layer.weight.square().sum() / layer.out_features
    return value


@torch.no_grad()
def settle(model: nn.Module) -> None:
    """End the training of a model: evaluation mode, no gradients, no denormal weights."""
    model.eval()
    model.requires_grad_(False)
    for weight in model.parameters():
        # decay drives the weights of pixels that are always 0 towards the denormal numbers, with
        # which a CPU's matrix products are tens of times slower
        weight[weight.abs() < NEGLIGIBLE] = 0.0
