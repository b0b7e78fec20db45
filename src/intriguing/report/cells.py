"""What the tables share: columns from the rows of several seeds, and numbers as text.

Rates are in percent, distortions in units of the pixel range (root mean square per pixel).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas

from intriguing import intervals

PLAIN_LAYERS = ("reshape", "ReLU", "dropout", "tanh", "sigmoid", "softmax")
"""Kinds of layer that cannot enlarge a distance, so that reports of bounds leave them out."""

NOISE_LABEL = "Gaussian noise {}"


def rows_of(rows: pandas.DataFrame, attack: str, model: str) -> pandas.DataFrame:
    """The rows of an attack on a model, one for each seed; none if the attack leaves it out."""
    return rows[(rows["attack"] == attack) & (rows["model"] == model)]


def source(name: str, models: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """Label and role of what images were distorted for, a model, or with, noise."""
    if name in models:
        return models[name]["label"], models[name].get("role", "")
    label = NOISE_LABEL.format(name.removeprefix("noise"))
    return label, label


def rate(name: str, counts: Iterable[int], numbers: Iterable[int]) -> dict[str, float]:
    """Columns of a rate over seeds.

    Parameters
    ----------
    name : str
    counts, numbers : iterable of int
        Cases and images of each seed.

    Returns
    -------
    dict
        ``<name>_n`` images and ``<name>_count`` cases of all seeds; ``<name>_percent`` with its
        95 % interval ``<name>_low`` to ``<name>_high``, in percent, NaN without images.
    """
    counts, numbers = list(counts), list(numbers)
    centre, low, high = intervals.rate(counts, numbers)
    return {
        f"{name}_n": sum(numbers),
        f"{name}_count": sum(counts),
        f"{name}_percent": 100 * centre,
        f"{name}_low": 100 * low,
        f"{name}_high": 100 * high,
    }


def mean(name: str, rows: pandas.DataFrame, number: str) -> dict[str, float]:
    """Columns of a mean over seeds.

    Parameters
    ----------
    name : str
        The rows have ``<name>_mean``, ``<name>_deviation`` and ``<name>_median`` over images.
    rows : DataFrame
        One row a seed.
    number : str
        Column with the number of images that these are over; rows with 0 do not count.

    Returns
    -------
    dict
        ``<name>`` with its 95 % interval ``<name>_low`` to ``<name>_high``, and ``<name>_median``,
        the mean of the medians; NaN if no row counts.
    """
    counted = rows[rows[number] > 0]
    centre, low, high = intervals.mean(
        counted[f"{name}_mean"], counted[f"{name}_deviation"], counted[number]
    )
    return {
        name: centre,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_median": counted[f"{name}_median"].mean(),
    }


def compared(table: pandas.DataFrame, names: Mapping[str, str]) -> pandas.DataFrame:
    """A table with a column ``<paper>_is`` for each published value: where it lies.

    Parameters
    ----------
    table : DataFrame
    names : mapping of str to str
        Ours, with the 95 % interval ``<ours>_low`` to ``<ours>_high``, and the name of the
        published column.

    Returns
    -------
    DataFrame
        The columns hold ``inside`` our interval, ``below`` or ``above`` it, or nothing where one of
        the two is missing.
    """
    table = table.copy()
    for ours, paper in names.items():
        where = pandas.Series("inside", index=table.index)
        where[table[paper] < table[f"{ours}_low"]] = "below"
        where[table[paper] > table[f"{ours}_high"]] = "above"
        unknown = table[[paper, f"{ours}_low", f"{ours}_high"]].isna().any(axis=1)
        table[f"{paper}_is"] = where.mask(unknown, "")
    return table


def percent_text(row: Any, name: str) -> str:
    """A rate and its interval, as `rate` names them; empty if there is none.

    Parameters
    ----------
    row : namedtuple
        Of `DataFrame.itertuples`.
    name : str
    """
    value, low, high = (getattr(row, f"{name}_{end}") for end in ("percent", "low", "high"))
    if pandas.isna(value):
        return ""
    digits = 2 if value < 2 else 1
    interval = "" if pandas.isna(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{interval}"


def published_text(text: str, where: str) -> str:
    """A published value as text, and where it lies (see `compared`)."""
    return f"{text}, {where}" if text and where else text


def distortion_text(value: float, low: float = float("nan"), high: float = float("nan")) -> str:
    """A distortion, with its interval if there is one; empty for NaN."""
    if pandas.isna(value):
        return ""
    return f"{value:.4f}" + ("" if pandas.isna(low) else f" [{low:.4f}, {high:.4f}]")


def seeds_text(number: float) -> str:
    """What follows a number of images if it is over several seeds."""
    return f" in {number} seeds" if number > 1 else ""


def matrix(table: pandas.DataFrame, label: str, heading: str) -> pandas.DataFrame:
    """Errors of every model on the images of every source, as in the paper's Tables 2 and 4.

    Parameters
    ----------
    table : DataFrame
        One row a cell: ``target_label``, ``error_*``, ``paper_error_*``, ``distortion``,
        ``paper_distortion``, ``paper_tag`` and ``seeds``.
    label : str
        Column that says what the images of a row are.
    heading : str
        Of the first column.

    Returns
    -------
    DataFrame
        A row for each source, ours above the published one if there is such.
    """
    lines = []
    for source, cells in table.groupby(label, sort=False):
        # the first value of each column that has one: a model without a role has none published
        first = cells.bfill().iloc[0]
        images = f"{first['error_n']:.0f}" + seeds_text(first["seeds"])
        ours = {heading: source, "": f"ours, n = {images}"}
        theirs = {heading: "", "": f"paper [{first['paper_tag']}]"}
        for cell in cells.itertuples():
            ours[cell.target_label] = percent_text(cell, "error")
            theirs[cell.target_label] = published_text(
                percent_text(cell, "paper_error"), cell.paper_error_percent_is
            )
        ours["av. distortion"] = distortion_text(first["distortion"])
        theirs["av. distortion"] = f"{first['paper_distortion']:g}"
        lines.append(ours)
        if not cells["paper_error_percent"].isna().all():
            lines.append(theirs)
    return pandas.DataFrame(lines)
