"""Lipschitz stage of networks that are not trained here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from intriguing.lipschitz.network import NetworkBounds, network_bounds
from intriguing.networks import given_weights


def run(entry: Mapping[str, Any]) -> NetworkBounds:
    """Bounds of a network that is not trained here, with random or given weights.

    Parameters
    ----------
    entry : mapping
        ``architecture``, ``options``, ``input_shape``, ``classes``, ``weights`` (see
        `given_weights.network`) and ``seed``.

    Returns
    -------
    NetworkBounds
        The Jacobian is taken at one random image.
    """
    shape = tuple(entry["input_shape"])
    torch.manual_seed(entry["seed"])
    model = given_weights.network(entry, shape, entry["classes"])
    image = torch.rand(1, *shape, generator=torch.Generator().manual_seed(entry["seed"]))
    return network_bounds(model.eval(), shape, image, compare=True)
