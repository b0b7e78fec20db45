"""The paper's published values: their intervals, and how they compare with ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas

from intriguing import intervals
from intriguing.artifacts.files import read_table
from intriguing.report import cells

AGREES, LOWER, HIGHER, OTHER_DATA = "agrees", "lower", "higher", "other data"
"""How a published value compares with ours, see `compared`."""

# classes in HTML
_CLASSES = {AGREES: AGREES, LOWER: LOWER, HIGHER: HIGHER, OTHER_DATA: "other"}


def read(path: str | Path) -> pandas.DataFrame:
    """Read a file of ``resources/paper``.

    Returns
    -------
    pandas.DataFrame
        The columns of the file, plus ``<name>_low`` and ``<name>_high`` in percent for every rate
        ``<name>_percent`` that has a sample size ``<name>_n`` next to it.

    Raises
    ------
    ArtifactError
        If the file is missing or is not a table.
    """
    frame = read_table(path, comment="#")
    for column in [name for name in frame if name.endswith("_percent")]:
        stem = column.removesuffix("_percent")
        bounds = [_bounds(*pair) for pair in zip(frame[column], frame[f"{stem}_n"], strict=True)]
        frame[f"{stem}_low"] = [low for low, _ in bounds]
        frame[f"{stem}_high"] = [high for _, high in bounds]
    return frame


def _bounds(percent: float, number: float) -> tuple[float, float]:
    if pandas.isna(percent) or pandas.isna(number):
        return float("nan"), float("nan")
    low, high = intervals.wilson(percent / 100 * number, number)
    return 100 * low, 100 * high


def compared(
    table: pandas.DataFrame, names: Mapping[str, str], same_data: bool = True
) -> pandas.DataFrame:
    """A table with a column ``<paper>_is`` for each published value: how it compares with ours.

    Parameters
    ----------
    table : DataFrame
    names : mapping of str to str
        Ours, with the 95 % interval ``<ours>_low`` to ``<ours>_high``, and the name of the
        published column; its interval is in ``<paper>_low`` and ``<paper>_high`` (without
        ``_percent``). Where that is not known, it is the value alone.
    same_data : bool
        Whether ours are of the images of the paper.

    Returns
    -------
    DataFrame
        The columns hold ``agrees`` where the two intervals meet, ``lower`` or ``higher`` where the
        published one lies wholly on that side of ours, ``other data`` where it is of
        other images, and nothing where one of the two is missing.
    """
    table = table.copy()
    for ours, paper in names.items():
        stem = paper.removesuffix("_percent")
        low, high = (
            table.get(f"{stem}_{end}", table[paper]).fillna(table[paper]) for end in ("low", "high")
        )
        verdict = pandas.Series(AGREES, index=table.index, dtype=object)
        verdict[high < table[f"{ours}_low"]] = LOWER
        verdict[low > table[f"{ours}_high"]] = HIGHER
        known = table[[f"{ours}_low", f"{ours}_high"]].notna().all(axis=1)
        verdict = verdict.where(known, "") if same_data else OTHER_DATA
        table[f"{paper}_is"] = pandas.Series(verdict, index=table.index).mask(
            table[paper].isna(), ""
        )
    return table


def on_same_data(table: pandas.DataFrame) -> bool:
    """Whether the published values of a table are to be compared with ours, see `compared`."""
    return not (table.filter(regex="^paper_.*_is$") == OTHER_DATA).any(axis=None)


def words(table: pandas.DataFrame) -> str:
    """What the published values of a table are called."""
    return "published" if on_same_data(table) else "published for MNIST"


def next_to(
    table: pandas.DataFrame, row: Any, heading: str, ours: cells.Cell, paper: str
) -> dict[str, cells.Cell]:
    """Our cell, and the published one next to it; ours alone if the table has none published.

    Parameters
    ----------
    table : DataFrame
        As `compared` gives it.
    row : namedtuple
        Of its `DataFrame.itertuples`.
    heading : str
    ours : Cell
    paper : str
        Name of the published column.
    """
    found = {heading: ours}
    if table[paper].notna().any():
        found[f"{heading}, {words(table)}"] = cell(row, paper)
    return found


def cell(row: Any, paper: str, *, marked: bool = True) -> cells.Cell:
    """A published value with its interval and how it compares; empty if there is none.

    Parameters
    ----------
    row : namedtuple
        Of a table that `compared` gave.
    paper : str
        Name of the published column.
    marked : bool
        Whether the text says how it compares.
    """
    value, verdict = getattr(row, paper), getattr(row, f"{paper}_is")
    if pandas.isna(value):
        return cells.Cell(kind="number published")
    stem = paper.removesuffix("_percent")
    # as printed; the interval is ours
    text = f"{value:g}" + ("" if stem == paper else cells.interval_text(row, stem))
    kind = _CLASSES.get(verdict, "")
    if marked and kind == verdict:
        text += f" {verdict}"
    return cells.Cell(text, value, f"number published {kind}".strip())


def label(row: Any) -> str:
    """Label of a model, with the published one that is shown next to it if that has another."""
    known = not pandas.isna(row.paper_distortion)
    return f"{row.label} (published: {row.role})" if known and row.role != row.label else row.label
