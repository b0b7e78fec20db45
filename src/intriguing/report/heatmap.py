"""Figure of the transfer matrix: ours, under Gaussian noise, and the published one."""

from __future__ import annotations

from pathlib import Path

import pandas
import seaborn

from intriguing.report import canvas


def draw(table: pandas.DataFrame, path: str | Path) -> None:
    """Draw the matrices side by side, in percent.

    Parameters
    ----------
    table : DataFrame
        As `table2.tidy` gives it; without published values there are two matrices.
    path : path
        PNG to write.
    """
    panels = {
        "error_percent": "this rebuild",
        "matched_noise_percent": "Gaussian noise of the same distortion",
    }
    if table["paper_error_percent"].notna().any():
        panels["paper_error_percent"] = "published (MNIST)"
    rows = list(dict.fromkeys(table["made_for_label"]))
    models = list(dict.fromkeys(table["target_label"]))
    figure = canvas.new_figure(
        1.6 + len(panels) * (0.75 * len(models) + 0.4), 1.8 + 0.5 * len(rows)
    )
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (column, heading) in zip(axes, panels.items(), strict=True):
        matrix = table.pivot(index="made_for_label", columns="target_label", values=column)
        seaborn.heatmap(
            matrix.reindex(index=rows, columns=models),
            ax=axis,
            vmin=0,
            vmax=100,
            cmap="rocket_r",
            annot=True,
            fmt=".0f",
            linewidths=0.5,
            cbar=axis is axes[-1],
            cbar_kws={"label": "error, %"},
        )
        axis.set_title(heading, fontsize=10)
        axis.set_xlabel("evaluated on")
        axis.set_ylabel("made for" if axis is axes[0] else "")
        axis.tick_params(axis="y", left=axis is axes[0])
        axis.tick_params(axis="x", labelrotation=45)
        for label in axis.get_xticklabels():
            label.set_horizontalalignment("right")
    canvas.save(figure, path)
