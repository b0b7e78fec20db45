"""Small pictures for the claims: a dot for each case, beside the line that it is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
from matplotlib import ticker
from matplotlib.axes import Axes

from intriguing.artifacts.files import replacing
from intriguing.report import canvas, colours

WIDTH, HEIGHT = 2.1, 0.9
"""Size in inches."""


def draw_all(cases: pandas.DataFrame, folder: str | Path) -> None:
    """Write a folder with a picture ``<claim>.svg`` for each claim.

    Parameters
    ----------
    cases : DataFrame
        As `claims.cases` gives it.
    folder : path
        Replaced as a whole.

    Raises
    ------
    ArtifactError
        If the folder cannot be written.
    """
    with replacing(folder) as partial:
        partial.mkdir()
        for claim, of_claim in cases.groupby("claim", sort=False):
            path = partial / f"{file_name(str(claim))}.svg"
            with canvas.drawing(path, WIDTH, HEIGHT) as figure:
                _dots(figure.subplots(), of_claim.sort_values("value", kind="stable"))


def file_name(claim: str) -> str:
    """Name of the picture of a claim, without its ending."""
    return claim.replace(" ", "_")


def _dots(axis: Axes, cases: pandas.DataFrame) -> None:
    """Cases from the smallest to the largest, each with its interval."""
    places = np.arange(len(cases))
    axis.axvline(cases["line"].iloc[0], color=colours.INK, linewidth=0.8, linestyle=":")
    axis.hlines(places, cases["low"], cases["high"], color="C0", linewidth=1)
    axis.plot(cases["value"], places, "o", color="C0", markersize=2.5)
    if cases["log"].iloc[0]:
        axis.set_xscale("log")
        canvas.label_logarithmic(axis.xaxis)
    else:
        axis.xaxis.set_major_locator(ticker.MaxNLocator(5))
    axis.set_ylim(-1.5, len(cases) + 0.5)
    axis.set_yticks([])
    axis.set_xlabel(cases["axis"].iloc[0])
    axis.spines[["left", "right", "top"]].set_visible(False)
    axis.annotate(
        cases["line_is"].iloc[0],
        (cases["line"].iloc[0], 1),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=7,
    )
