"""Directions of a layer's activations: its units, random ones, and ones fitted to the images.

A direction is a vector of length 1 with a number for each unit; its score for an image is the
product with the activations there, or the largest over the positions of a convolution. Adding a
constant to the activations adds one to all scores of a direction, so that whether they are centred
does not matter; whether the direction has a component along their mean does, and whether units of
large variance count more. Hence the families ``gaussian_without_mean`` and
``gaussian_standardised``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from intriguing.errors import UnitsError
from intriguing.units.recorded import Activations

# positions of an image, drawn at random, that principal components and k-means see
SAMPLED_POSITIONS = 4
KMEANS_STEPS = 10
# in a layer with more units than this only the leading principal components are looked for
WIDE = 1024
# deviations below this share of the median count as it: a unit that hardly changes would drown
# all others in directions of standardised activations
LEAST_DEVIATION = 0.01


@dataclass(frozen=True, eq=False)
class Layer:
    """What the families need to know of a layer.

    Parameters
    ----------
    live : int64 Tensor (L,)
        The units that are not the same for all images, the first of those that equal each other;
        the others take no part.
    mean, deviation : float64 Tensor (C,)
        Over images and positions.
    points : float32 Tensor (M, C)
        Activations at some positions of each image.
    images : int
    """

    live: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor
    points: torch.Tensor
    images: int


def describe(layer: Activations) -> Layer:
    """The statistics of a layer, in one pass.

    Directions that follow from them (principal components, k-means) suit these images: take other
    ones than those that are compared, such as the training images.

    Raises
    ------
    UnitsError
        If the layer has only one unit, or fewer than two that change between images.
    """
    if layer.units < 2:
        raise UnitsError(
            f"layer {layer.layer} has one unit, which is its only direction: choose a layer with"
            " several"
        )
    total = torch.zeros(layer.units, dtype=torch.float64)
    squares, number, points = total.clone(), 0, []
    origin: torch.Tensor | None = None
    # of each position: a value that depends on the position alone says nothing of an image
    least = torch.full((layer.positions, layer.units), math.inf)
    most = -least
    generator = torch.Generator().manual_seed(0)
    for batch in layer:
        batch = batch.cpu()
        flat = batch.flatten(0, 1)
        # sums of differences from the first value, so that nearly constant units lose no digits
        origin = flat[0].double() if origin is None else origin
        shifted = flat.double() - origin
        total += shifted.sum(0)
        squares += shifted.square().sum(0)
        least, most = torch.minimum(least, batch.amin(0)), torch.maximum(most, batch.amax(0))
        number += len(flat)
        points.append(_some_positions(batch, generator))
    assert origin is not None
    live = (most > least).any(0).nonzero()[:, 0]
    seen = torch.cat(points)
    dead, live = layer.units - len(live), _different(live, seen)
    if len(live) < 2:
        raise UnitsError(
            f"{dead} of {layer.units} units of layer {layer.layer} are the same for all images,"
            f" {layer.units - dead - len(live)} equal another one: choose another layer, or give"
            " images that differ"
        )
    mean = total / number
    deviation = (squares / number - mean.square()).clamp(min=0).sqrt()
    return Layer(live, mean + origin, deviation, seen, layer.images)


def _some_positions(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Activations (M, C) at random positions of each image; all of a layer with few."""
    rows, positions, units = batch.shape
    if positions <= SAMPLED_POSITIONS:
        return batch.flatten(0, 1)
    drawn = torch.randint(positions, (rows, SAMPLED_POSITIONS), generator=generator)
    return batch.gather(1, drawn[:, :, None].expand(-1, -1, units)).flatten(0, 1)


def _different(live: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The first of those units whose activations are equal."""
    first: dict[bytes, int] = {}
    for unit in live.tolist():
        values = points[:, unit].contiguous()
        # units that change elsewhere alone, not at the sampled positions, may differ there
        same = bool((values == values[0]).all())
        first.setdefault(str(unit).encode() if same else values.numpy().tobytes(), unit)
    return torch.tensor(list(first.values()))


def directions(family: str, layer: Layer, *, number: int, seed: int = 0) -> torch.Tensor:
    """Directions of a family.

    Parameters
    ----------
    family : str
        ``units``, ``units_negative`` (minus them), ``gaussian`` (independent normal components),
        ``gaussian_without_mean`` (orthogonal to the mean activation), ``gaussian_standardised``
        (of activations divided by their deviations), ``orthonormal`` (a random basis),
        ``principal`` (of largest variance, both signs) or ``kmeans`` (centres of the activations,
        from their mean).
    layer : Layer
        From `describe`.
    number : int
        How many, at most; never more than there are live units. Of more units some are drawn.
    seed : int

    Returns
    -------
    float32 Tensor (D, C)
        Of length 1, with zeros where units are not live.

    Raises
    ------
    UnitsError
        If the family is unknown, or the number is not positive.
    """
    if family not in FAMILIES:
        raise UnitsError(f"unknown family {family}: choose from {', '.join(FAMILIES)}")
    number = _checked(layer, number)
    generator = torch.Generator().manual_seed(seed)
    found = FAMILIES[family](layer, number, generator)
    vectors = torch.zeros(len(found), len(layer.mean))
    vectors[:, layer.live] = (found / found.norm(dim=1, keepdim=True)).float()
    return vectors


def rotated_units(layer: Layer, degrees: float, *, number: int, seed: int = 0) -> torch.Tensor:
    """The units, all turned by the same angle towards random directions orthogonal to them.

    A unit e_i becomes cos(t) e_i + sin(t) w_i, and the directions stay orthonormal. If the units
    are at most half of all live ones, the w_i are a random orthonormal set, orthogonal to all of
    them. Otherwise random planes that are orthogonal to each other are turned, two vectors of a
    random basis each: w_i is then orthogonal to e_i and otherwise uniformly random. Where the
    number of live units is odd, one random axis of that basis stays.

    Parameters
    ----------
    layer : Layer
        From `describe`.
    degrees : float
        0 to 90.
    number, seed
        As in `directions`: the same units are drawn.

    Returns
    -------
    float32 Tensor (D, C)
    """
    if not 0 <= degrees <= 90:
        raise UnitsError(f"the angle is {degrees}: choose one from 0 to 90 degrees")
    number, live = _checked(layer, number), len(layer.live)
    chosen = _drawn(live, number, torch.Generator().manual_seed(seed))
    start = _rows_of_identity(chosen, live)
    generator = torch.Generator().manual_seed(seed + 1)
    rest = torch.zeros_like(start)
    if 2 * len(chosen) <= live:
        others = torch.ones(live, dtype=torch.bool)
        others[chosen] = False
        quarter = torch.zeros_like(start)
        quarter[:, others] = _frame(len(chosen), live - len(chosen), generator)
    else:
        basis = _frame(live, live, generator)
        first, second = basis[0 : live - 1 : 2], basis[1::2]
        # in the basis, (a, b) of each plane becomes (-b, a) after a right angle
        along, across = start @ first.T, start @ second.T
        quarter = along @ second - across @ first
        rest = start - along @ first - across @ second
    angle = math.radians(degrees)
    turned = math.cos(angle) * (start - rest) + math.sin(angle) * quarter + rest
    vectors = torch.zeros(len(turned), len(layer.mean))
    vectors[:, layer.live] = turned.float()
    return vectors


def _checked(layer: Layer, number: int) -> int:
    if number < 1:
        raise UnitsError(f"the number of directions is {number}: give at least 1")
    return min(number, len(layer.live))


def _rows_of_identity(places: torch.Tensor, size: int) -> torch.Tensor:
    rows = torch.zeros(len(places), size, dtype=torch.float64)
    rows[torch.arange(len(places)), places] = 1
    return rows


def _drawn(live: int, number: int, generator: torch.Generator) -> torch.Tensor:
    """Places of the live units that take part: all, or a random choice."""
    if live <= number:
        return torch.arange(live)
    return torch.randperm(live, generator=generator)[:number].sort().values


def _units(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    live = len(layer.live)
    return _rows_of_identity(_drawn(live, number, generator), live)


def _negative_units(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    return -_units(layer, number, generator)


def _gaussian(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(number, len(layer.live), dtype=torch.float64, generator=generator)


def _without_mean(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    mean = layer.mean[layer.live]
    mean = mean / mean.norm().clamp(min=torch.finfo(torch.float64).tiny)
    found = _gaussian(layer, number, generator)
    return found - (found @ mean)[:, None] * mean


def _standardised(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    # a direction of the standardised activations is this one of the activations
    deviation = layer.deviation[layer.live]
    floor = LEAST_DEVIATION * deviation.median().item()
    return _gaussian(layer, number, generator) / deviation.clamp(min=floor or 1.0)


def _frame(number: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Random orthonormal vectors (number, size), uniform (Haar): Mezzadri 2007, section 5."""
    q, r = torch.linalg.qr(torch.randn(size, number, dtype=torch.float64, generator=generator))
    return (q * r.diagonal().sign()).T.contiguous()


def _basis(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    return _frame(number, len(layer.live), generator)


def _centred(layer: Layer) -> torch.Tensor:
    points = layer.points[:, layer.live].double()
    return points - points.mean(0)


def _principal(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    centred = _centred(layer)
    live, half = centred.shape[1], max(1, number // 2)
    axes = torch.eye(live, dtype=torch.float64) if live <= WIDE else None
    if axes is None:
        # subspace iteration with twice as many vectors as are wanted
        axes = torch.randn(min(live, 2 * half), live, dtype=torch.float64, generator=generator)
        for _ in range(8):
            axes = torch.linalg.qr(centred.T @ (centred @ axes.T)).Q.T
    within = centred @ axes.T
    axes = torch.linalg.eigh(within.T @ within).eigenvectors.T.flip(0) @ axes
    axes = axes[: min(half, len(centred) - 1)]
    # the sign of an eigenvector is arbitrary: its largest component is positive
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    axes = axes * largest.sign()
    return torch.stack([axes, -axes], 1).flatten(0, 1)


def _kmeans(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    """Lloyd's algorithm from random points, at most one cluster for ten images."""
    points = _centred(layer)
    clusters = min(number, max(2, layer.images // 10))
    centres = points[torch.randperm(len(points), generator=generator)[:clusters]]
    for _ in range(KMEANS_STEPS):
        # |p - c|^2 without |p|^2
        nearest = (centres.square().sum(1) - 2 * points @ centres.T).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=len(centres)).double()
        moved = sums / sizes.clamp(min=1)[:, None]
        centres = torch.where((sizes > 0)[:, None], moved, centres)
    centres = centres[centres.norm(dim=1) > 0]
    # in their order, each once
    return torch.stack(list({row.numpy().tobytes(): row for row in centres}.values()))


FAMILIES: dict[str, Callable[[Layer, int, torch.Generator], torch.Tensor]] = {
    "units": _units,
    "units_negative": _negative_units,
    "gaussian": _gaussian,
    "gaussian_without_mean": _without_mean,
    "gaussian_standardised": _standardised,
    "orthonormal": _basis,
    "principal": _principal,
    "kmeans": _kmeans,
}


def chosen_units(layer: Layer, *, number: int, seed: int = 0) -> Sequence[int]:
    """The units that `directions` takes for the family ``units``, in their order."""
    places = _drawn(len(layer.live), number, torch.Generator().manual_seed(seed))
    return layer.live[places].tolist()
