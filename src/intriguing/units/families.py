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

# positions of an image that the statistics and k-means see, at most
SAMPLED_POSITIONS = 4
KMEANS_STEPS = 10
# directions of largest variance that are looked for in a layer too wide for all of them
LEADING, WIDE = 256, 1024


@dataclass(frozen=True, eq=False)
class Layer:
    """What the families need to know of a layer.

    Parameters
    ----------
    live : int64 Tensor (C,)
        The units that are not the same for all images; the others take no part.
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
    least = torch.full((layer.units,), math.inf)
    most = -least
    step = max(1, -(-layer.positions // SAMPLED_POSITIONS))
    for batch in layer:
        flat = batch.flatten(0, 1).cpu()
        # sums of differences from the first value, so that nearly constant units lose no digits
        origin = flat[0].double() if origin is None else origin
        shifted = flat.double() - origin
        total += shifted.sum(0)
        squares += shifted.square().sum(0)
        least, most = torch.minimum(least, flat.amin(0)), torch.maximum(most, flat.amax(0))
        number += len(flat)
        points.append(batch[:, ::step].flatten(0, 1).cpu())
    assert origin is not None
    live = (most > least).nonzero()[:, 0]
    if len(live) < 2:
        raise UnitsError(
            f"{layer.units - len(live)} of {layer.units} units of layer {layer.layer} are the same"
            " for all images: choose another layer, or give images that differ"
        )
    mean = total / number
    deviation = (squares / number - mean.square()).clamp(min=0).sqrt()
    return Layer(live, mean + origin, deviation, torch.cat(points), layer.images)


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
        How many, at most: as many units drawn at random if there are more.
    seed : int

    Returns
    -------
    float32 Tensor (D, C)
        Of length 1, with zeros where units are not live.

    Raises
    ------
    UnitsError
        If the family is unknown.
    """
    if family not in FAMILIES:
        raise UnitsError(f"unknown family {family}: choose from {', '.join(FAMILIES)}")
    generator = torch.Generator().manual_seed(seed)
    found = FAMILIES[family](layer, number, generator)
    vectors = torch.zeros(len(found), len(layer.mean))
    vectors[:, layer.live] = (found / found.norm(dim=1, keepdim=True)).float()
    return vectors


def rotated_units(layer: Layer, degrees: float, *, number: int, seed: int = 0) -> torch.Tensor:
    """The units, all turned by the same angle in random planes orthogonal to each other.

    With orthonormal vectors ``u_1 ... u_C`` drawn at random, ``u_1, u_2`` span a plane, ``u_3,
    u_4`` the next, and so on. Turning each plane by an angle turns every vector by that angle; at
    90 degrees a unit has become a direction that is orthogonal to it and otherwise uniformly
    random, and the directions are still orthonormal. Where the number of units is odd, one random
    axis stays.

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
    live = len(layer.live)
    chosen = _drawn(live, number, torch.Generator().manual_seed(seed))
    basis = _orthonormal(live, torch.Generator().manual_seed(seed + 1))
    first, second = basis[0 : live - 1 : 2], basis[1::2]
    start = torch.eye(live, dtype=torch.float64)[chosen]
    # in the basis, (a, b) of each plane becomes (-b, a) after a right angle
    along, across = start @ first.T, start @ second.T
    quarter = along @ second - across @ first
    rest = start - along @ first - across @ second
    angle = math.radians(degrees)
    turned = math.cos(angle) * (start - rest) + math.sin(angle) * quarter + rest
    vectors = torch.zeros(len(turned), len(layer.mean))
    vectors[:, layer.live] = turned.float()
    return vectors


def _drawn(live: int, number: int, generator: torch.Generator) -> torch.Tensor:
    """Places of the live units that take part: all, or a random choice."""
    if live <= number:
        return torch.arange(live)
    return torch.randperm(live, generator=generator)[:number].sort().values


def _units(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    live = len(layer.live)
    return torch.eye(live, dtype=torch.float64)[_drawn(live, number, generator)]


def _negative_units(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    return -_units(layer, number, generator)


def _gaussian(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    live = len(layer.live)
    return torch.randn(min(live, number), live, dtype=torch.float64, generator=generator)


def _without_mean(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    mean = layer.mean[layer.live]
    mean = mean / mean.norm().clamp(min=torch.finfo(torch.float64).tiny)
    found = _gaussian(layer, number, generator)
    return found - (found @ mean)[:, None] * mean


def _standardised(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    # a direction of the standardised activations is this one of the activations
    deviation = layer.deviation[layer.live]
    smallest = deviation[deviation > 0].amin() if (deviation > 0).any() else 1.0
    return _gaussian(layer, number, generator) / deviation.clamp(min=smallest)


def _orthonormal(live: int, generator: torch.Generator) -> torch.Tensor:
    """A random orthonormal basis, uniform (Haar): Mezzadri 2007, section 5."""
    q, r = torch.linalg.qr(torch.randn(live, live, dtype=torch.float64, generator=generator))
    return (q * r.diagonal().sign()).T.contiguous()


def _basis(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    return _orthonormal(len(layer.live), generator)[:number]


def _principal(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    centred = layer.points[:, layer.live].double() - layer.mean[layer.live]
    live, half = centred.shape[1], max(1, number // 2)
    if live <= WIDE:
        axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.T.flip(0)
    else:
        # subspace iteration for the leading ones
        axes = torch.randn(min(LEADING, half), live, dtype=torch.float64, generator=generator)
        for _ in range(8):
            axes = torch.linalg.qr(centred.T @ (centred @ axes.T)).Q.T
    axes = axes[: min(half, len(centred) - 1)]
    # the sign of an eigenvector is arbitrary: its largest component is positive
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    axes = axes * largest.sign()
    return torch.stack([axes, -axes], 1).flatten(0, 1)


def _kmeans(layer: Layer, number: int, generator: torch.Generator) -> torch.Tensor:
    """Lloyd's algorithm from random points; fewer clusters than would leave one point each."""
    points = layer.points[:, layer.live].double() - layer.mean[layer.live]
    clusters = min(number, max(2, layer.images // 10))
    centres = points[torch.randperm(len(points), generator=generator)[:clusters]]
    for _ in range(KMEANS_STEPS):
        # |p - c|^2 without |p|^2
        nearest = (centres.square().sum(1) - 2 * points @ centres.T).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=len(centres)).double()
        moved = sums / sizes.clamp(min=1)[:, None]
        centres = torch.where((sizes > 0)[:, None], moved, centres)
    return centres[centres.norm(dim=1) > 0]


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
