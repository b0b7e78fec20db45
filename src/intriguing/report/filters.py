"""Filters as images, learned and random ones side by side, and how concentrated they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intriguing.report import canvas

PLACES, FILTERS = 6, 12


def filter_figure(
    learned: NDArray[np.floating],
    initial: NDArray[np.floating],
    paths: str | Path | Iterable[str | Path],
    *,
    title: str,
    places: int = PLACES,
    filters: int = FILTERS,
) -> None:
    """Draw the filters of some places, a row each: learned, and random as before training.

    Each filter is divided by its own largest magnitude; grey is 0.

    Parameters
    ----------
    learned, initial : float array (oh, ow, D, C, kh, kw)
        Weights of a local layer after and before training; C is 1 or 3, otherwise each filter is
        shown as its mean over maps.
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    title : str
    places, filters : int
        Most rows, and most filters of a row.
    """
    chosen = _spread(learned.shape[:2], places)
    count = min(filters, learned.shape[2])
    with canvas.drawing(paths, canvas.PAGE, 0.75 + 0.26 * len(chosen)) as figure:
        axes = figure.subplots(1, 2)
        panels = ((learned, "learnt without labels"), (initial, "at random, before"))
        for axis, (weights, heading) in zip(axes, panels, strict=True):
            axis.imshow(_sheet([weights[place][:count] for place in chosen]))
            space, orientation = concentration(weights)
            measured = f"concentration in space {space:.2f}, in orientation {orientation:.2f}"
            axis.set_title(f"{heading}\n{measured}")
            height = learned.shape[4] + 1
            axis.set_xticks([])
            axis.set_yticks(
                [height * (k + 0.5) - 1 for k in range(len(chosen))],
                [f"row {row + 1}, column {column + 1}" for row, column in chosen],
            )
            axis.tick_params(left=False, labelleft=axis is axes[0])
            axis.spines[:].set_visible(False)
        figure.suptitle(title)


def _spread(size: tuple[int, ...], count: int) -> list[tuple[int, int]]:
    """Places along the diagonal of the map, off its border, each with its right neighbour."""
    starts = np.linspace(0.25, 0.75, max(1, -(-count // 2)))
    places: list[tuple[int, int]] = []
    for share in starts:
        row, column = (min(side - 1, int(share * side)) for side in size)
        places += [(row, column), (row, min(size[1] - 1, column + 1))]
    return list(dict.fromkeys(places))[:count]


def _sheet(rows: Iterable[NDArray[np.floating]]) -> NDArray[np.floating]:
    """Rows of filters (D, C, kh, kw) as one image, with a white line between them."""
    images = []
    for row in rows:
        shown = row if row.shape[1] in (1, 3) else row.mean(1, keepdims=True)
        largest = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
        scaled = 0.5 + 0.5 * shown / np.where(largest == 0, 1, largest)
        coloured = np.broadcast_to(scaled, (len(shown), 3, *shown.shape[2:])).transpose(0, 2, 3, 1)
        framed = np.pad(coloured, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=1.0)
        images.append(np.concatenate(framed, axis=1))
    return np.concatenate(images)


def concentration(weights: NDArray[np.floating]) -> tuple[float, float]:
    """How far the energy of filters is gathered at one spot and along one orientation.

    Parameters
    ----------
    weights : float array (..., C, kh, kw)

    Returns
    -------
    space : float
        Mean over filters of the largest share of a filter's energy in a quarter of its field (a
        window of half its side, anywhere): 1 for a filter inside such a window, 0.25 for one that
        is even over its field. Random filters have a little more than that.
    orientation : float
        Mean over filters of |sum over frequencies of power * exp(2i angle)| / sum of power, the
        field's mean left out: 1 for a grating or a straight edge, 0 for a round spot, and about
        0.1 to 0.2 for random filters.
    """
    filters = np.asarray(weights, dtype=float).reshape(-1, *weights.shape[-3:])
    filters = filters[np.square(filters).sum((1, 2, 3)) > 0]
    energy = np.square(filters).sum(1)
    half = tuple(max(1, side // 2) for side in energy.shape[1:])
    windows = np.lib.stride_tricks.sliding_window_view(energy, half, axis=(1, 2)).sum((3, 4))
    space = windows.max((1, 2)) / energy.sum((1, 2))
    power = np.square(np.abs(np.fft.fft2(filters))).sum(1)
    rows, columns = np.meshgrid(*(np.fft.fftfreq(n) for n in power.shape[1:]), indexing="ij")
    doubled = np.exp(2j * np.arctan2(rows, columns))
    doubled[0, 0], power[:, 0, 0] = 0, 0
    direction = np.abs((power * doubled).sum((1, 2))) / np.maximum(power.sum((1, 2)), 1e-300)
    return float(space.mean()), float(direction.mean())
