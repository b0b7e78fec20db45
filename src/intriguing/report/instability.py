"""Figure of certified, adversarial and random distortion of each model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas

from intriguing.report import canvas, colours
from intriguing.report.certificates import STRONGEST_NOISE


def draw(table: pandas.DataFrame, attack: str, paths: str | Path | Iterable[str | Path]) -> None:
    """Draw the medians of each model on a log axis.

    Parameters
    ----------
    table : DataFrame
        As `certificates.tidy` gives it.
    attack : str
        Which attack.
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    """
    rows = table[table["attack"] == attack].reset_index(drop=True)
    places = np.arange(len(rows))
    certified, adversarial = rows["pairwise_median"], rows["found_median"]
    if "targeted_median" in rows and rows["targeted_median"].notna().all():
        certified = rows["targeted_median"]
    # a network without bounds is certified to 0, which a log axis cannot show
    certified = certified.where(certified > 0)
    with canvas.drawing(paths, canvas.COLUMN, 1.0 + 0.19 * len(rows)) as figure:
        axis = figure.subplots()
        noise = rows["noise_median"]
        never = rows["noise_capped"].astype(bool)
        axis.hlines(places, certified, adversarial, color=colours.LIGHT, linewidth=4, zorder=1)
        marks = [
            (certified, "|", colours.CERTIFIED, "certified: no example is nearer"),
            (adversarial, "o", colours.ADVERSARIAL, "adversarial examples that were found"),
            (noise.where(~never), "s", colours.NOISE, "Gaussian noise that changes the class"),
        ]
        if never.any():
            words = f"at least so far: noise up to {STRONGEST_NOISE:g} does not change it"
            marks.append((noise.where(never), ">", colours.NOISE, words))
        for values, mark, colour, label in marks:
            axis.scatter(values, places, marker=mark, s=22, color=colour, label=label, zorder=3)
        if adversarial.isna().all():
            axis.set_xlim(1e-3, 1)  # no attacked image at all: a log axis has no limits of its own
        axis.set_yticks(places, rows["label"])
        axis.set_xscale("log")
        canvas.label_logarithmic(axis.xaxis)
        axis.grid(axis="x")
        axis.set_xlabel("median distortion (root mean square per pixel)")
        axis.set_ylim(len(rows) - 0.5, -0.5)
        figure.legend(loc="outside upper left", ncols=1)
