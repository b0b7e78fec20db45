"""Figure of the transfer matrix: ours, under Gaussian noise, and the published one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas
import seaborn
from matplotlib.axes import Axes
from numpy.typing import NDArray

from intriguing.report import canvas, colours

# models whose numbers can be read in three panels side by side
_FEW = 5
# the luminance that has the same contrast to black and to white (WCAG 2.2)
_EVEN = 0.179


def draw(table: pandas.DataFrame, paths: str | Path | Iterable[str | Path]) -> None:
    """Draw the matrices beside each other, in percent.

    Parameters
    ----------
    table : DataFrame
        As `table2.tidy` gives it; without published values there are two matrices.
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    """
    panels = {
        "error_percent": "this rebuild",
        "matched_noise_percent": "Gaussian noise of the same distortion",
    }
    if table["paper_error_percent"].notna().any():
        panels["paper_error_percent"] = "published (MNIST)"
    rows = list(dict.fromkeys(table["made_for_label"]))
    models = list(dict.fromkeys(table["target_label"]))
    columns = len(panels) if len(models) <= _FEW else min(2, len(panels))
    lines = -(-len(panels) // columns)
    names = 0.065 * max(map(len, models))
    height = lines * (0.25 + 0.2 * len(rows)) + 0.75 * names + 0.35
    with canvas.drawing(paths, canvas.PAGE, height) as figure:
        axes = figure.subplots(lines, columns, sharey=True, squeeze=False)
        for axis, (column, heading) in zip(axes.flat, panels.items(), strict=False):
            matrix = table.pivot(index="made_for_label", columns="target_label", values=column)
            _panel(axis, matrix.reindex(index=rows, columns=models))
            axis.set_title(heading)
        for axis in axes[:, 0]:
            axis.set_ylabel("made for")
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        # in the place of a missing panel, or beside all
        inside = axes.flat[-1].inset_axes((0.1, 0.7, 0.8, 0.06)) if lines > 1 else None
        colour_bar = figure.colorbar(
            axes[0, 0].collections[0],
            cax=inside,
            ax=None if inside else axes,
            orientation="horizontal" if inside else "vertical",
            label="error (%)",
        )
        colour_bar.outline.set_visible(False)


def _panel(axis: Axes, matrix: pandas.DataFrame) -> None:
    seaborn.heatmap(
        matrix,
        ax=axis,
        vmin=0,
        vmax=100,
        cmap=colours.ERRORS,
        annot=True,
        annot_kws={"fontsize": 6},
        fmt=".0f",
        linewidths=0.5,
        cbar=False,
    )
    mesh, shown = axis.collections[0], matrix.notna().to_numpy().ravel()
    # on a dark page lines would show around cells without a value
    mesh.set_edgecolor(["white" if value else "none" for value in shown])
    # black or white, whichever is the farther from the colour of the cell
    for text, face in zip(axis.texts, mesh.get_facecolor()[shown], strict=True):
        text.set_color("black" if _luminance(face) > _EVEN else "white")
    axis.set(xlabel="evaluated on", ylabel="")
    axis.tick_params(length=0)
    axis.tick_params(axis="y", labelrotation=0)
    axis.tick_params(axis="x", labelrotation=45, pad=0)
    for label in axis.get_xticklabels():
        label.set(horizontalalignment="right", rotation_mode="anchor")


def _luminance(colour: NDArray[np.floating]) -> float:
    """Relative luminance of a colour in sRGB, from 0 to 1, as WCAG 2.2 defines it."""
    values = colour[:3]
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
