"""A transfer matrix as rows of coloured cells, each with a sentence of all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import matplotlib
import pandas

from intriguing.report import cells
from intriguing.report.colours import ERRORS
from intriguing.report.published import on_same_data

# of a colour, above which black text on it can be read better than white (WCAG 2, 1.4.3)
BRIGHT = 0.18


@dataclass(frozen=True)
class Cell:
    """One cell.

    text : str
        The error in percent, rounded.
    published : str
        The published one; empty without.
    agreement : str
        Where the published value lies (see `cells.compared`); empty without.
    background, ink : str
        Colours as CSS has them.
    sentence : str
        Error, interval, number of images, controls and published value.
    """

    text: str
    published: str
    agreement: str
    background: str
    ink: str
    sentence: str


@dataclass(frozen=True)
class Row:
    """The cells of the images made for one model, or of one noise."""

    label: str
    cells: tuple[Cell, ...]
    distortion: str


@dataclass(frozen=True)
class Matrix:
    """A transfer matrix to be shown.

    columns : tuple of str
        The models that the images are evaluated on.
    rows : tuple of Row
    published : {"same", "other", ""}
        Whether published values are of the same data set, and whether there are any.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    published: str


def matrix(table: pandas.DataFrame, label: str) -> Matrix:
    """Make the matrix of a tidy table.

    Parameters
    ----------
    table : DataFrame
        As `table2.tidy` or `table4.tidy` gives it.
    label : str
        Column that says what the images of a row are.
    """
    columns = tuple(dict.fromkeys(table["target_label"]))
    rows = [
        Row(
            str(name),
            tuple(_cells(cells_of)),
            cells.distortion_text(cells_of["distortion"].iloc[0]),
        )
        for name, cells_of in table.groupby(label, sort=False)
    ]
    published = "same" if on_same_data(table) else "other"
    any_published = table["paper_error_percent"].notna().any()
    return Matrix(columns, tuple(rows), published if any_published else "")


def scale(steps: int = 9) -> str:
    """The colours from 0 to 100 % as a CSS gradient."""
    return f"linear-gradient(to right, {', '.join(_colour(n / (steps - 1)) for n in range(steps))})"


def _cells(rows: pandas.DataFrame) -> Iterator[Cell]:
    for row in rows.itertuples():
        known = not pandas.isna(row.error_percent)
        background = _colour(row.error_percent / 100) if known else "transparent"
        paper = "" if pandas.isna(row.paper_error_percent) else f"{row.paper_error_percent:g}"
        yield Cell(
            text=_rounded(row.error_percent) if known else "–",
            published=paper,
            agreement=_agreement(row),
            background=background,
            ink=_ink(row.error_percent / 100) if known else "inherit",
            sentence=_sentence(row, paper),
        )


def _agreement(row: Any) -> str:
    """Where the published value lies; empty where none is to be compared, NaN in a CSV file."""
    where = row.paper_error_percent_is
    return where if isinstance(where, str) else ""


def _rounded(percent: float) -> str:
    return f"{percent:.0f}" if percent >= 10 else f"{percent:.1f}"


def _sentence(row: Any, paper: str) -> str:
    label = row.made_for_label if hasattr(row, "made_for_label") else row.label
    start = f"Images: {label}. Evaluated on: {row.target_label}. "
    seeds = f" in {row.seeds} seeds" if row.seeds > 1 else ""
    images = f"{row.error_n:.0f} images{seeds}"
    parts = [
        f"Errors: {cells.percent_text(row, 'error')} % of {images}" if row.error_n else "No images"
    ]
    for name, words in (
        ("matched_noise", "with Gaussian noise of the same distortion"),
        ("clean", "undistorted"),
    ):
        if text := cells.percent_text(row, name):
            parts.append(f"{words}: {text} %")
    if paper:
        where = f" ({_agreement(row)})" if _agreement(row) else ""
        parts.append(f"published: {cells.percent_text(row, 'paper_error')} %{where}")
    return start + "; ".join(parts) + "."


def _colour(rate: float) -> str:
    return matplotlib.colors.to_hex(matplotlib.colormaps[ERRORS](rate))


def _ink(rate: float) -> str:
    channels = matplotlib.colormaps[ERRORS](rate)[:3]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000" if luminance > BRIGHT else "#fff"
