"""Networks as they are before training: seeded, or with the weights that they are given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from intriguing import networks, registry


def untrained(settings: Mapping[str, Any], name: str) -> nn.Module:
    """The network of a model before training, or with the weights that it is given.

    Parameters
    ----------
    settings : mapping
        As `artifacts.model.ModelFiles.settings`.
    name : str
        The model's. Two models of the same seed start from different weights.
    """
    torch.manual_seed(own_seed(name, settings["seed"]))
    build = networks.from_entry
    if settings["weights"]:
        build = registry.resolve(registry.table("sources")["weights"])
    return build(settings, settings["input_shape"], settings["classes"])


def own_seed(name: str, seed: int) -> int:
    """Seed of a model of this name, for its weights and mini-batches."""
    return int(hashlib.sha256(f"{name} {seed}".encode()).hexdigest()[:8], 16)
