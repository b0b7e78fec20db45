"""The paper's published values, with the interval that their sample size implies."""

from __future__ import annotations

from pathlib import Path

import pandas

from intriguing import intervals
from intriguing.artifacts.files import read_table


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
