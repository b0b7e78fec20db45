"""Figure of label purities: how those of units, directions and controls are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas
from matplotlib.axes import Axes

from intriguing.report import canvas
from intriguing.report.units_table import FAMILIES, MEASURES

MEASURE = next(iter(MEASURES))
SHOWN = ("units", "gaussian", "orthonormal", "kmeans", "principal", "untrained", "shuffled")


def draw(
    labels: Mapping[str, str], rows: Mapping[str, Sequence[pandas.DataFrame]], path: str | Path
) -> None:
    """Draw a panel for each layer of each network, with a box for each family of directions.

    Parameters
    ----------
    labels : mapping of str to str
        Of the models.
    rows : mapping of str to sequence of DataFrame
        As `units_table.tidy` takes them.
    path : path
        PNG to write.
    """
    panels = [
        (model, layer, pandas.concat(seeds))
        for model, seeds in rows.items()
        for layer in seeds[0].loc[seeds[0]["network"] == "trained", "layer"].unique()
    ]
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = canvas.new_figure(4.0 * columns, 2.4 * lines + 0.3, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis, (model, layer, frame) in zip(axes.flat, panels, strict=False):
        _panel(axis, frame, layer)
        axis.set_title(f"{labels[model]}, {layer}", fontsize=9)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("label purity of the top images", fontsize=8)
    canvas.save(figure, path)


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
        axis.text(0.5, 0.5, "no direction whose top images are not tied", ha="center", fontsize=8)
        axis.set_axis_off()
        return
    places = np.arange(len(values))
    boxes = axis.boxplot(
        values,
        positions=places,
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        showfliers=False,
        medianprops={"color": "black"},
    )
    for number, box in enumerate(boxes["boxes"]):
        box.set_facecolor(f"C{number}")
        box.set_alpha(0.5)
    # values fall on few levels: shifted by their rank, so that all are seen
    for place, of_family in zip(places, values, strict=True):
        shift = np.linspace(-0.28, 0.28, len(of_family))
        axis.plot(np.sort(of_family), place + shift, ".", color="0.25", markersize=1.5)
        axis.plot(
            of_family.mean(), place, "D", color="white", markeredgecolor="black", markersize=4
        )
    axis.set_yticks(places, names, fontsize=7)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.02)
    axis.tick_params(axis="x", labelsize=7)
    axis.grid(axis="x", alpha=0.25)
