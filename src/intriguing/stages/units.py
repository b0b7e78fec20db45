"""Units stage: the images that excite units and directions of a network most, and how alike."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas
import torch
from torch import nn

from intriguing.artifacts.dataset import DatasetFile
from intriguing.units.families import (
    Layer,
    chosen_units,
    describe,
    directions,
    rotated_units,
)
from intriguing.units.measures import best_class, coherence
from intriguing.units.recorded import INPUT, Activations, activations
from intriguing.units.top import leading, scores

# families of the controls: another network's units and random directions
CONTROLS = ("units", "gaussian")
# scores that are in memory at once
SCORES = 1 << 26


def run(
    data: DatasetFile,
    model: nn.Module,
    start: nn.Module,
    features: nn.Module,
    entry: Mapping[str, Any],
    *,
    seed: int,
) -> pandas.DataFrame:
    """Measures of units and directions of a network's layers, and of two controls.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    model : Module
    start : Module
        The same network before training.
    features : Module
        Another trained network, in whose features images are compared.
    entry : mapping
        As `experiment.Experiment.units_of` gives it.
    seed : int
        Of the directions.

    Returns
    -------
    DataFrame
        A row for each direction: ``network`` (trained, untrained, or pixels), ``layer``,
        ``family`` (``rotated`` has an ``angle`` in degrees; ``shuffled`` are units whose
        activations are exchanged between images, the level of chance), ``direction`` (the number
        of the unit, also of one that is rotated, or of the direction), ``score`` (mean of the top
        images, in standard deviations of all), ``tied`` (`top.TopImages`), the measures
        ``purity``, ``entropy``, ``pixels``, ``features`` and ``auc``, the most frequent ``class``,
        and the ``images``, as positions in the sample.
    """
    sample = data.sample(entry["split"], entry["count"], most=True)
    images, labels = torch.from_numpy(sample.images), torch.from_numpy(sample.labels)
    # directions that follow from activations are fitted to others than those that are compared
    fitted = torch.from_numpy(data.sample(entry["fitted"], entry["count"], most=True).images)
    other = activations(features, images, entry["features"], positions="separate")
    views = {"pixels": images, "features": torch.cat([batch.cpu() for batch in other])}
    every = tuple(entry["families"])
    layers = [
        *(("trained", model, layer, every) for layer in entry["layers"]),
        *(("untrained", start, layer, CONTROLS) for layer in entry["layers"]),
        ("pixels", model, INPUT, CONTROLS),
    ]
    rows = []
    for network, part, layer, families in layers:
        described, recorded = (
            activations(part, some, layer, positions=entry["positions"])
            for some in (fitted, images)
        )
        angles = entry["angles"] if network == "trained" else None
        known = describe(described)
        for found in _of_layer(known, recorded, labels, views, families, angles, entry, seed):
            rows.append(found.assign(network=network, layer=layer))
    table = pandas.concat(rows, ignore_index=True)
    first = ["network", "layer", "family", "angle", "direction"]
    return table[[*first, *(name for name in table if name not in first)]]


def _of_layer(
    layer: Layer,
    recorded: Activations,
    labels: torch.Tensor,
    views: Mapping[str, torch.Tensor],
    families: Iterable[str],
    angles: Iterable[float] | None,
    entry: Mapping[str, Any],
    seed: int,
) -> Iterator[pandas.DataFrame]:
    number = entry["directions"]
    for group in _groups(_vectors(layer, families, angles or (), number, seed), recorded.images):
        scored = scores(recorded, torch.cat([vectors for _, _, vectors in group]))
        lengths = [len(vectors) for _, _, vectors in group]
        for (family, angle, vectors), own in zip(group, scored.split(lengths), strict=True):
            numbers: Any = range(len(vectors))
            if family in ("units", "units_negative", "rotated"):
                numbers = chosen_units(layer, number=number, seed=seed)
            yield _measured(own, labels, views, entry["k"]).assign(
                family=family, angle=angle, direction=numbers
            )
            if family == "units" and angles is not None:
                generator = np.random.default_rng(seed)
                shuffled = torch.from_numpy(generator.permuted(own.numpy(), axis=1))
                yield _measured(shuffled, labels, views, entry["k"]).assign(
                    family="shuffled", angle=np.nan, direction=numbers
                )


def _vectors(
    layer: Layer, families: Iterable[str], angles: Iterable[float], number: int, seed: int
) -> Iterator[tuple[str, float, torch.Tensor]]:
    for family in families:
        # each family draws numbers of its own; units are the same whatever else there is
        own = seed if family.startswith("units") else seed + zlib.crc32(family.encode())
        yield family, np.nan, directions(family, layer, number=number, seed=own)
    for angle in angles:
        yield "rotated", angle, rotated_units(layer, angle, number=number, seed=seed)


def _groups(
    vectors: Iterable[tuple[str, float, torch.Tensor]], images: int
) -> Iterator[list[tuple[str, float, torch.Tensor]]]:
    """Families whose scores are computed in one pass over the images."""
    group: list[tuple[str, float, torch.Tensor]] = []
    held = 0
    for family in vectors:
        size = len(family[2]) * images
        if group and held + size > SCORES:
            yield group
            group, held = [], 0
        group.append(family)
        held += size
    if group:
        yield group


def _measured(
    scored: torch.Tensor, labels: torch.Tensor, views: Mapping[str, torch.Tensor], k: int
) -> pandas.DataFrame:
    top = leading(scored, k)
    found = coherence(top.indices, labels, **views)
    spread = top.deviation.clamp(min=torch.finfo(torch.float32).tiny)
    found.insert(0, "score", ((top.scores.mean(1) - top.mean) / spread).numpy())
    found.insert(1, "tied", top.tied.numpy())
    found["auc"] = best_class(scored, labels).numpy()
    found["images"] = [" ".join(map(str, row)) for row in top.indices.tolist()]
    return found
