"""Units stage: the images that excite units and directions of a network most, and how alike."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
    measure = partial(_measured, labels=labels, views=views, k=entry["k"])
    every = tuple(entry["families"])
    layers = [
        *(("trained", model, layer, every) for layer in entry["layers"]),
        *(("untrained", start, layer, CONTROLS) for layer in entry["layers"]),
        ("pixels", model, INPUT, CONTROLS),
    ]
    rows = []
    for network, part, layer, names in layers:
        described, recorded = (
            activations(part, some, layer, positions=entry["positions"])
            for some in (fitted, images)
        )
        trained = network == "trained"
        angles = entry["angles"] if trained else ()
        families = _families(describe(described), names, angles, entry["directions"], seed)
        for found in _of_layer(recorded, families, measure, seed if trained else None):
            rows.append(found.assign(network=network, layer=layer))
    table = pandas.concat(rows, ignore_index=True)
    first = ["network", "layer", "family", "angle", "direction"]
    return table[[*first, *(name for name in table if name not in first)]]


@dataclass(frozen=True, eq=False)
class _Family:
    """Some directions (D, C) of a layer, with the number of the unit or direction of each."""

    name: str
    angle: float
    vectors: torch.Tensor
    numbers: Sequence[int]


def _families(
    layer: Layer, names: Iterable[str], angles: Iterable[float], number: int, seed: int
) -> Iterator[_Family]:
    units = chosen_units(layer, number=number, seed=seed)
    for name in names:
        of_units = name.startswith("units")
        # each family draws numbers of its own; units are the same whatever else there is
        own = seed if of_units else seed + zlib.crc32(name.encode())
        vectors = directions(name, layer, number=number, seed=own)
        yield _Family(name, np.nan, vectors, units if of_units else range(len(vectors)))
    for angle in angles:
        vectors = rotated_units(layer, angle, number=number, seed=seed)
        yield _Family("rotated", angle, vectors, units)


def _of_layer(
    recorded: Activations,
    families: Iterable[_Family],
    measure: Callable[[torch.Tensor], pandas.DataFrame],
    shuffle: int | None,
) -> Iterator[pandas.DataFrame]:
    """Measures of each family; with a seed to ``shuffle`` by, those of shuffled units as well."""
    for group in _groups(families, recorded.images):
        scored = scores(recorded, torch.cat([family.vectors for family in group]))
        lengths = [len(family.vectors) for family in group]
        for family, own in zip(group, scored.split(lengths), strict=True):
            yield measure(own).assign(
                family=family.name, angle=family.angle, direction=family.numbers
            )
            if family.name == "units" and shuffle is not None:
                generator = np.random.default_rng(shuffle)
                exchanged = torch.from_numpy(generator.permuted(own.numpy(), axis=1))
                yield measure(exchanged).assign(
                    family="shuffled", angle=np.nan, direction=family.numbers
                )


def _groups(families: Iterable[_Family], images: int) -> Iterator[list[_Family]]:
    """Families whose scores are computed in one pass over the images."""
    group: list[_Family] = []
    held = 0
    for family in families:
        size = len(family.vectors) * images
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
