"""Figure of how examples transfer: errors against the agreement of models, and which errors."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas
from matplotlib import ticker
from matplotlib.axes import Axes

from intriguing.report import canvas, colours

# of the models that have a colour in turn, so that no two look alike
_MARKS = ("o", "s", "^", "D")
_COLOURS = 6

LEAST_SPAN = 0.2
"""Of the cosines that are shown: a closer view would make a trend of nothing."""


def draw(table: pandas.DataFrame, paths: str | Path | Iterable[str | Path]) -> None:
    """Draw errors against cosines for each pair, and the kinds of errors for each model.

    Parameters
    ----------
    table : DataFrame
        As `mistakes.tidy` gives it.
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    """
    if table.empty:
        with canvas.drawing(paths, canvas.PAGE, 1) as figure:
            canvas.message(figure, "no two models distinguish the same classes")
        return
    with canvas.drawing(paths, canvas.PAGE, 2.9) as figure:
        scatter, bars = figure.subplots(1, 2)
        _scatter(scatter, table)
        _bars(bars, table)
        # outside: inside they would hide points
        for axis, place, columns in ((scatter, "lower left", 4), (bars, "upper right", 3)):
            named = axis.get_legend_handles_labels()
            figure.legend(*named, loc=f"outside {place}", ncols=columns)


def _scatter(axis: Axes, table: pandas.DataFrame) -> None:
    for number, label in enumerate(dict.fromkeys(table["made_for_label"])):
        pairs = table[table["made_for_label"] == label]
        below = pairs["error_percent"] - pairs["error_low"]
        above = pairs["error_high"] - pairs["error_percent"]
        axis.errorbar(
            pairs["cosine"],
            pairs["error_percent"],
            yerr=np.maximum(0, [below, above]),
            fmt=_MARKS[number // _COLOURS % len(_MARKS)],
            color=f"C{number % _COLOURS}",
            label=f"made for {label}",
            linewidth=0.8,
        )
    axis.plot(
        table["cosine"],
        table["noise_percent"],
        "x",
        color=colours.MIDDLE,
        label="noise of the same distortion",
    )
    low, high = axis.get_xlim()
    room = max(0.0, LEAST_SPAN - (high - low)) / 2
    axis.set_xlim(low - room, high + room)
    axis.xaxis.set_major_locator(ticker.MaxNLocator(6))
    axis.set_xlabel("mean cosine of the two models' margin gradients")
    axis.set_ylabel("errors of the other model (%)")
    axis.set_ylim(bottom=0)
    axis.grid()


def _bars(axis: Axes, table: pandas.DataFrame) -> None:
    means = table.groupby("made_for_label", sort=False)[["same_percent", "other_percent"]].mean()
    places = np.arange(len(means))
    same, other = means["same_percent"], means["other_percent"]
    rest = 100 - same - other
    axis.barh(places, same, color="C3", label="the class it was moved to")
    axis.barh(places, other, left=same, color="C1", label="another wrong class")
    axis.barh(places, rest, left=same + other, color=colours.LIGHT, label="not fooled")
    axis.set_yticks(places, means.index)
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    axis.set_xlabel("answers of the other models (%, mean over them)")
    axis.set_ylabel("made for")
