"""Figure of the learning curves: how the objective of every training went down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas
from matplotlib.axes import Axes

from intriguing.report import canvas

COLUMNS = 3


def draw(
    labels: Mapping[str, str],
    curves: Mapping[str, Sequence[pandas.DataFrame]],
    paths: Iterable[str | Path],
) -> None:
    """Draw a panel for each model that was trained, with a line for each seed and phase.

    Parameters
    ----------
    labels : mapping of str to str
        Of the models.
    curves : mapping of str to sequence of DataFrame
        ``curve.csv`` of each model, one for each seed, with the columns ``phase``, ``step`` (an
        iteration or an epoch) and ``objective``; without lines where nothing was trained.
    paths : iterable of path
        Files to write, in the format of their ending.
    """
    panels = {
        model: pandas.concat(seeds, keys=range(len(seeds)), names=["seed"])
        for model, seeds in curves.items()
        if any(len(curve) for curve in seeds)
    }
    columns = max(1, min(COLUMNS, len(panels)))
    lines = max(1, -(-len(panels) // columns))
    with canvas.drawing(paths, canvas.PAGE, 1.7 * lines) as figure:
        axes = figure.subplots(lines, columns, squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis, (model, curve) in zip(axes.flat, panels.items(), strict=False):
            _panel(axis, curve)
            axis.set_title(labels[model])
            axis.set_xlabel("step")
        for axis in axes[:, 0]:
            axis.set_ylabel("objective")


def _panel(axis: Axes, curves: pandas.DataFrame) -> None:
    """Lines of a phase have one colour; without steps after the first there is a dot."""
    for number, (phase, of_phase) in enumerate(curves.groupby("phase", sort=False)):
        for seed, (_, of_seed) in enumerate(of_phase.groupby("seed")):
            axis.plot(
                1 + of_seed["step"],
                of_seed["objective"],
                color=f"C{number}",
                linewidth=0.8,
                alpha=0.8,
                marker="." if len(of_seed) == 1 else "",
                label="" if seed else phase,
            )
    axis.set_xscale("log")
    canvas.label_logarithmic(axis.xaxis)
    if (curves["objective"] > 0).all():
        axis.set_yscale("log")
        canvas.label_logarithmic(axis.yaxis)
    if curves["phase"].nunique() > 1:
        axis.legend(fontsize=6, frameon=False)
