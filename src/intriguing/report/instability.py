"""Figure of certified, adversarial and random distortion of each model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas

from intriguing.report import canvas


def draw(table: pandas.DataFrame, attack: str, path: str | Path) -> None:
    """Draw the medians of each model on a log axis.

    Parameters
    ----------
    table : DataFrame
        As `certificates.tidy` gives it.
    attack : str
        Which attack.
    path : path
        PNG to write.
    """
    rows = table[table["attack"] == attack].reset_index(drop=True)
    places = np.arange(len(rows))
    figure = canvas.new_figure(8, 1.4 + 0.45 * len(rows), layout="constrained")
    axis = figure.subplots()
    certified, adversarial = rows["pairwise_median"], rows["found_median"]
    if "targeted_median" in rows and rows["targeted_median"].notna().all():
        certified = rows["targeted_median"]
    # a network without bounds is certified to 0, which a log axis cannot show
    certified = certified.where(certified > 0)
    axis.hlines(places, certified, adversarial, color="0.8", linewidth=6, zorder=1)
    for values, mark, colour, label in (
        (certified, "|", "tab:blue", "certified: no example is nearer"),
        (adversarial, "o", "tab:red", "adversarial, found"),
        (rows["noise_median"], "s", "tab:green", "Gaussian noise that changes the class"),
    ):
        axis.scatter(values, places, marker=mark, s=60, color=colour, label=label, zorder=3)
    if rows["found_median"].isna().all():
        axis.set_xlim(1e-3, 1)  # no attacked image at all: a log axis has no limits of its own
    axis.set_yticks(places, rows["label"])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.grid(axis="x", which="both", alpha=0.25)
    axis.set_xlabel("median distortion (root mean square per pixel, log scale)")
    axis.set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    canvas.save(figure, path)
