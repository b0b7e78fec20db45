"""Figure of how examples transfer: errors against the agreement of models, and which errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas

from intriguing.report import canvas


def draw(table: pandas.DataFrame, path: str | Path) -> None:
    """Draw errors against cosines for each pair, and the kinds of errors for each model.

    Parameters
    ----------
    table : DataFrame
        As `mistakes.tidy` gives it.
    path : path
        PNG to write.
    """
    figure = canvas.new_figure(11, 4.6, layout="constrained")
    scatter, bars = figure.subplots(1, 2)
    if table.empty:
        for axis in (scatter, bars):
            axis.text(0.5, 0.5, "no two models distinguish the same classes", ha="center")
            axis.axis("off")
        canvas.save(figure, path)
        return
    labels = list(dict.fromkeys(table["made_for_label"]))
    for number, label in enumerate(labels):
        pairs = table[table["made_for_label"] == label]
        below = pairs["error_percent"] - pairs["error_low"]
        above = pairs["error_high"] - pairs["error_percent"]
        scatter.errorbar(
            pairs["cosine"],
            pairs["error_percent"],
            yerr=np.maximum(0, [below, above]),
            fmt="o",
            color=f"C{number % 10}",
            label=f"made for {label}",
            markersize=4,
            linewidth=1,
        )
    scatter.plot(
        table["cosine"],
        table["noise_percent"],
        "x",
        color="0.6",
        markersize=4,
        label="noise of the same distortion",
    )
    scatter.set_xlabel("cosine of the two models' margin gradients, mean")
    scatter.set_ylabel("errors of the other model, %")
    scatter.set_ylim(bottom=0)
    scatter.grid(alpha=0.25)
    # below: inside it would hide points
    named = scatter.get_legend_handles_labels()
    figure.legend(*named, loc="outside lower left", ncols=5, fontsize=7)
    means = table.groupby("made_for_label", sort=False)[["same_percent", "other_percent"]].mean()
    places = np.arange(len(means))
    same, other = means["same_percent"], means["other_percent"]
    bars.barh(places, same, color="tab:red", label="the class it was moved to")
    bars.barh(places, other, left=same, color="tab:orange", label="another wrong class")
    rest = 100 - same - other
    bars.barh(places, rest, left=same + other, color="0.88", label="not fooled")
    bars.set_yticks(places, means.index)
    bars.invert_yaxis()
    bars.set_xlim(0, 100)
    bars.set_xlabel("answers of the other models, % (mean over them)")
    bars.set_ylabel("made for")
    figure.legend(*bars.get_legend_handles_labels(), loc="outside upper right", ncols=3, fontsize=8)
    canvas.save(figure, path)
