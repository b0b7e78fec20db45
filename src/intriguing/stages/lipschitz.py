"""Lipschitz stage: bounds of the layers of a trained model, and of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch
from torch import nn

from intriguing.artifacts import bounds as stored
from intriguing.artifacts.dataset import DatasetFile
from intriguing.lipschitz.ascent import raised_images
from intriguing.lipschitz.network import NetworkBounds, network_bounds
from intriguing.stages.images import sampled_images


def run(data: DatasetFile, model: nn.Module, entry: Mapping[str, Any]) -> NetworkBounds:
    """Bounds of a trained model, its Jacobian taken at images of the sample.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    model : Module
    entry : mapping
        What `experiment.Experiment.bounded` gives: the sample, ``lipsdp``, and ``ascent`` if the
        Jacobian is to be taken at images with a larger one as well.

    Returns
    -------
    NetworkBounds
        With infinite constants and the reason, if the network has a layer without a bound.
    """
    images, _ = sampled_images(data, entry)
    shape = tuple(images.shape[1:])
    if entry.get("ascent"):
        images = torch.cat([images, raised_images(model, images, entry["ascent"])])
    return network_bounds(model, shape, images, compare=True, lipsdp=entry["lipsdp"], partial=True)


def layers_table(bounds: NetworkBounds) -> pandas.DataFrame:
    """One row a layer, and a last one for the whole network.

    Without the seconds, so that the same weights give the same bytes. In the last row ``lower`` is
    the largest Jacobian norm found, ``upper`` the smallest certified constant, ``paper`` the
    product as in the paper and ``product`` that of the upper bounds.
    """
    rows = bounds.layers.drop(columns="seconds", errors="ignore")
    whole = {
        "layer": "network",
        "kind": "network",
        "lower": bounds.lower,
        "upper": bounds.upper,
        "paper": bounds.paper,
        "product": bounds.product,
        "method": bounds.reason or _method(bounds),
    }
    return pandas.concat([rows, pandas.DataFrame([whole])], ignore_index=True)


def _method(bounds: NetworkBounds) -> str:
    named = {
        "LipSDP": bounds.lipsdp,
        "ECLipsE-Fast": bounds.eclipse,
        "multipliers by descent": bounds.multipliers,
        "product": bounds.product,
    }
    return min((value, name) for name, value in named.items() if value is not None)[1]


def save_constants(path: str | Path, bounds: NetworkBounds) -> None:
    """Write what certificates need."""
    numbers = {name: getattr(bounds, name) for name in stored.NUMBERS}
    pairwise = np.empty((0, 0)) if bounds.pairwise is None else bounds.pairwise.double().numpy()
    stored.save(path, numbers, pairwise)
