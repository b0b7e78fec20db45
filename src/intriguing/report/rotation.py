"""Figure of the units turned into random directions: each measure against the angle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas

from intriguing import intervals
from intriguing.report import canvas
from intriguing.report.units_table import MEASURES

# of the layers of a network, which has one colour, from the first on
STYLES = ("-", "--", "-.", ":")


def draw(
    labels: Mapping[str, str],
    rows: Mapping[str, Sequence[pandas.DataFrame]],
    paths: str | Path | Iterable[str | Path],
) -> None:
    """Draw a panel for each measure, with a line for each layer of each network.

    Parameters
    ----------
    labels : mapping of str to str
        Of the models.
    rows : mapping of str to sequence of DataFrame
        As `units_table.tidy` takes them.
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    """
    with canvas.drawing(paths, canvas.PAGE, 2.3) as figure:
        axes = figure.subplots(1, len(MEASURES))
        for number, (model, seeds) in enumerate(rows.items()):
            turned = [
                frame[(frame["family"] == "rotated") & (frame["network"] == "trained")]
                for frame in seeds
            ]
            for depth, layer in enumerate(turned[0]["layer"].unique()):
                of_layer = [_untied(frame[frame["layer"] == layer]) for frame in turned]
                look = {"color": f"C{number % 6}", "linestyle": STYLES[depth % len(STYLES)]}
                for axis, measure in zip(axes, MEASURES, strict=True):
                    line = _line(of_layer, measure)
                    name = f"{labels[model]}, {layer}"
                    axis.plot(line.index, line["mean"], marker=".", label=name, **look)
                    band = (line.index, line["low"], line["high"])
                    axis.fill_between(*band, color=look["color"], alpha=0.15, linewidth=0)
        for axis, words in zip(axes, MEASURES.values(), strict=True):
            axis.set_title(words)
            axis.set_xticks(np.arange(0, 91, 30))
            axis.grid()
        figure.supxlabel("angle between units and directions (degrees)", fontsize="medium")
        named = axes[0].get_legend_handles_labels()
        if named[0]:
            figure.legend(*named, loc="outside upper center", ncols=4, handlelength=3.5)


def _untied(rows: pandas.DataFrame) -> pandas.DataFrame:
    """The units that are not tied at any angle, so that every angle shows the same ones."""
    tied = rows.loc[rows["tied"], "direction"]
    return rows[~rows["direction"].isin(tied)]


def _line(seeds: Sequence[pandas.DataFrame], measure: str) -> pandas.DataFrame:
    """Mean at each angle and its 95 % interval over directions and seeds."""
    found = {}
    for angle in sorted(seeds[0]["angle"].unique()):
        values = [frame.loc[frame["angle"] == angle, measure] for frame in seeds]
        values = [part for part in values if len(part) > 1]
        found[angle] = intervals.mean(
            [part.mean() for part in values],
            [part.std() for part in values],
            [len(part) for part in values],
        )
    return pandas.DataFrame.from_dict(found, orient="index", columns=["mean", "low", "high"])
