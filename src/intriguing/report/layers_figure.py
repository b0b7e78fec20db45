"""Figure of Table 5: the certified interval of every layer, and the other methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from intriguing.report import canvas, cells

_MARKS = {
    "published_bound": ("*", "black", "published"),
    "paper_as_printed": ("v", "tab:red", "paper's formula as printed"),
    "paper": ("^", "tab:blue", "paper's formula, corrected"),
    "unfold": ("s", "tab:green", "unfold"),
    "article": ("x", "tab:purple", "article"),
    "toeplitz": ("D", "tab:orange", "Toeplitz (LipBound)"),
    "gram": ("+", "tab:brown", "Gram iteration"),
}

# most intervals are narrower than a line: drawn wider by this factor at either end
_WIDENING = 1.03


def draw(table: pandas.DataFrame, path: str | Path) -> None:
    """Draw a bar for each layer's interval, the other methods as marks, one panel a network.

    Parameters
    ----------
    table : DataFrame
        As `table5.tidy` gives it; layers without a bound are left out, and of several seeds all
        but the first.
    path : path
        PNG to write.
    """
    bounded = table["upper"] < float("inf")
    shown = table[bounded & ~table["kind"].isin([*cells.PLAIN_LAYERS, "network"])]
    networks = [
        part[part["seed"] == part["seed"].iloc[0]].reset_index(drop=True)
        for _, part in shown.groupby("network", sort=False)
    ]
    if not networks:
        figure = canvas.new_figure(9, 1)
        axis = figure.subplots()
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no network here has bounds: see Table 5 for the reasons", ha="center")
        canvas.save(figure, path)
        return
    sizes = [len(part) for part in networks]
    height = 1.2 + sum(0.32 * size + 0.75 for size in sizes)
    figure = canvas.new_figure(9, height, layout="constrained")
    axes = figure.subplots(
        len(networks),
        1,
        sharex=True,
        squeeze=False,
        height_ratios=[size + 1 for size in sizes],
    )[:, 0]
    handles: dict[str, Artist] = {}
    for axis, part in zip(axes, networks, strict=True):
        _panel(axis, part)
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=3, fontsize=8)
    axes[-1].set_xlabel("Lipschitz constant of the layer (log scale)")
    canvas.save(figure, path)


def _panel(axis: Axes, part: pandas.DataFrame) -> None:
    places = np.arange(len(part))
    low, high = part["lower"] / _WIDENING, part["upper"] * _WIDENING
    axis.barh(
        places,
        high - low,
        left=low,
        height=0.6,
        color="0.75",
        edgecolor="0.4",
        label="certified interval, widened by 3 % either way",
    )
    for column, (mark, colour, label) in _MARKS.items():
        if part[column].notna().any():
            axis.scatter(
                part[column], places, marker=mark, s=34, color=colour, label=label, zorder=3
            )
    axis.set_yticks(places, part["layer"], fontsize=8)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.grid(axis="x", which="both", alpha=0.25)
    axis.set_title(part["network"].iloc[0], fontsize=9, loc="left")
