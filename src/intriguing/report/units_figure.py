"""Figure of label purities: how those of units, directions and controls are distributed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas
from matplotlib.axes import Axes

from intriguing.report import canvas, colours
from intriguing.report.units_table import FAMILIES, MEASURES

MEASURE = next(iter(MEASURES))
SHOWN = ("units", "gaussian", "orthonormal", "kmeans", "principal", "untrained", "shuffled")


def draw(
    labels: Mapping[str, str],
    rows: Mapping[str, Sequence[pandas.DataFrame]],
    paths: str | Path | Iterable[str | Path],
) -> None:
    """Draw a panel for each layer of each network, with a box for each family of directions.

    Parameters
    ----------
    labels : mapping of str to str
        Of the models.
    rows : mapping of str to sequence of DataFrame
        As `units_table.tidy` takes them.
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    """
    panels = [
        (model, layer, pandas.concat(seeds))
        for model, seeds in rows.items()
        for layer in seeds[0].loc[seeds[0]["network"] == "trained", "layer"].unique()
    ]
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    width = canvas.COLUMN if columns == 1 else canvas.PAGE
    with canvas.drawing(paths, width, 1.45 * lines + 0.3) as figure:
        axes = figure.subplots(lines, columns, squeeze=False)
        for axis, (model, layer, frame) in zip(axes.flat, panels, strict=False):
            _panel(axis, frame, layer)
            axis.set_title(f"{labels[model]}, {layer}")
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        figure.supxlabel("label purity of the top images", fontsize="medium")


def _panel(axis: Axes, frame: pandas.DataFrame, layer: str) -> None:
    of_layer = frame[(frame["layer"] == layer) & ~frame["tied"]]
    trained = of_layer[of_layer["network"] == "trained"]
    untrained = of_layer[of_layer["network"] == "untrained"]
    values, names = [], []
    for family in SHOWN:
        source, name = (untrained, "units") if family == "untrained" else (trained, family)
        found = source.loc[source["family"] == name, MEASURE]
        if len(found):
            values.append(found.to_numpy())
            names.append(f"{FAMILIES.get(family, 'units')} ({len(found)})")
    if not values:
        axis.text(0.5, 0.5, "the top images of\nall directions are tied", ha="center", va="center")
        axis.set_axis_off()
        return
    places = np.arange(len(values))
    boxes = axis.boxplot(
        values,
        positions=places,
        orientation="horizontal",
        widths=0.7,
        patch_artist=True,
        showfliers=False,
    )
    for number, box in enumerate(boxes["boxes"]):
        box.set(facecolor=f"C{number % 6}", alpha=0.6)
    # values fall on few levels: shifted by their rank, so that all are seen
    for place, of_family in zip(places, values, strict=True):
        shift = np.linspace(-0.28, 0.28, len(of_family))
        # thousands of points: as a picture, in drawings too
        axis.plot(
            np.sort(of_family),
            place + shift,
            ".",
            color=colours.MIDDLE,
            markersize=1,
            rasterized=True,
        )
        axis.plot(
            of_family.mean(),
            place,
            "D",
            color="white",
            markeredgecolor=colours.INK,
            markeredgewidth=0.6,
            markersize=3,
        )
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.02)
    axis.grid(axis="x")
