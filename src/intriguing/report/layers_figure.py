"""Figure of Table 5: the certified interval of every layer, and the other methods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from intriguing.report import canvas, cells, colours

_MARKS = {
    "published_bound": ("*", colours.INK, "published"),
    "paper_as_printed": ("v", "C3", "paper's formula as printed"),
    "paper": ("^", "C0", "paper's formula, corrected"),
    "unfold": ("s", "C2", "unfold"),
    "article": ("x", "C4", "article"),
    "toeplitz": ("D", "C1", "Toeplitz (LipBound)"),
    "gram": ("+", "C5", "Gram iteration"),
}

# most intervals are narrower than a line: drawn wider by this factor at either end
_WIDENING = 1.03

# in inches: a layer, what a panel has above and below its layers, the names of layers, a line of
# the legend, and the words below the last axis
_LAYER, _TITLE, _GAP, _NAMES, _LINE, _WORDS = 0.13, 0.17, 0.2, 1.0, 0.13, 0.16
# this many layers fit into one column of panels
_ONE_COLUMN = 24


def draw(table: pandas.DataFrame, paths: str | Path | Iterable[str | Path]) -> None:
    """Draw a bar for each layer's interval, the other methods as marks, one panel a network.

    Parameters
    ----------
    table : DataFrame
        As `table5.tidy` gives it; layers without a bound are left out, and of several seeds all
        but the first.
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    """
    bounded = table["upper"] < float("inf")
    shown = table[bounded & ~table["kind"].isin([*cells.PLAIN_LAYERS, "network"])]
    networks = [
        part[part["seed"] == part["seed"].iloc[0]].reset_index(drop=True)
        for _, part in shown.groupby("network", sort=False)
    ]
    if not networks:
        with canvas.drawing(paths, canvas.PAGE, 1) as figure:
            canvas.message(figure, "no network here has bounds: see Table 5 for the reasons")
        return
    columns = _columns(networks)
    named = 1 + sum(shown[column].notna().any() for column in _MARKS)
    legend = 0.1 + _LINE * -(-named // 3)
    height = legend + max(map(_height, columns)) + _WORDS
    width = canvas.PAGE / len(columns)
    with canvas.drawing(paths, canvas.PAGE, height, layout=None) as figure:
        handles: dict[str, Artist] = {}
        for number, column in enumerate(columns):
            left, top = number * width + _NAMES, height - legend
            for part in column:
                size = _LAYER * len(part)
                bottom = top - _TITLE - size
                share = (left / canvas.PAGE, bottom / height)
                axis = figure.add_axes(
                    (*share, (width - _NAMES - 0.2) / canvas.PAGE, size / height)
                )
                _panel(axis, part)
                axis.set_xlim(_limits(shown))
                handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
                top = bottom - _GAP
            axis.set_xlabel("Lipschitz constant of the layer")
        figure.legend(handles.values(), handles, loc="upper center", ncols=3)


def _height(column: Sequence[pandas.DataFrame]) -> float:
    return sum(_LAYER * len(part) + _TITLE + _GAP for part in column)


def _columns(networks: Sequence[pandas.DataFrame]) -> list[Sequence[pandas.DataFrame]]:
    """The networks in their order, in one column or in two that differ least in height."""
    if sum(map(len, networks)) <= _ONE_COLUMN or len(networks) == 1:
        return [networks]
    cuts = range(1, len(networks))
    cut = min(cuts, key=lambda end: abs(_height(networks[:end]) - _height(networks[end:])))
    return [networks[:cut], networks[cut:]]


def _limits(shown: pandas.DataFrame) -> tuple[float, float]:
    """The decades that all panels show, so that they compare."""
    values = shown[["lower", "upper", *_MARKS]].to_numpy(dtype=float)
    values = values[np.isfinite(values) & (values > 0)]
    least, most = values.min() / _WIDENING, values.max() * _WIDENING
    return 10 ** np.floor(np.log10(least)), 10 ** np.ceil(np.log10(most))


def _panel(axis: Axes, part: pandas.DataFrame) -> None:
    places = np.arange(len(part))
    low, high = part["lower"] / _WIDENING, part["upper"] * _WIDENING
    axis.barh(
        places,
        high - low,
        left=low,
        height=0.7,
        color=colours.LIGHT,
        edgecolor=colours.MIDDLE,
        linewidth=0.6,
        label="certified interval, widened by 3 % either way",
    )
    for column, (mark, colour, label) in _MARKS.items():
        if part[column].notna().any():
            axis.scatter(
                part[column],
                places,
                marker=mark,
                s=14,
                linewidths=0.8,
                color=colour,
                label=label,
                zorder=3,
            )
    axis.set_yticks(places, part["layer"])
    axis.set_ylim(len(part) - 0.5, -0.5)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.grid(axis="x")
    axis.set_title(part["network"].iloc[0], loc="left", pad=2)
