"""What the tables share: columns from the rows of several seeds, and numbers as cells.

Rates are in percent, distortions in units of the pixel range (root mean square per pixel).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas

from intriguing import intervals

PLAIN_LAYERS = ("reshape", "ReLU", "dropout", "tanh", "sigmoid", "softmax")
"""Kinds of layer that cannot enlarge a distance, so that reports of bounds leave them out."""

NOISE_LABEL = "Gaussian noise {}"

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# numbers outside are shown as powers of ten
_SMALLEST, _LARGEST = 1e-3, 1e6


class Cell(str):
    """Text of a cell, and what an HTML table needs besides.

    Parameters
    ----------
    text : str
    sort : float
        Number to sort by; NaN if there is none.
    kind : str
        HTML classes: ``number``, ``published`` with how it compares, ``sentence``.
    """

    sort: float
    kind: str

    def __new__(cls, text: str = "", sort: float = math.nan, kind: str = "") -> Cell:
        cell = super().__new__(cls, text)
        cell.sort, cell.kind = sort, kind
        return cell


def number(text: str, sort: float) -> Cell:
    """A cell that shows a number."""
    return Cell(text, sort, "number")


def count(value: float, text: str = "{:.0f}") -> Cell:
    """A number of images, or a text with it; empty for NaN."""
    return number("" if pandas.isna(value) else text.format(value), value)


def sentence(text: str) -> Cell:
    """A cell with a text that may take several lines."""
    return Cell(text, kind="sentence")


def lines(rows: Sequence[Mapping[str, str]]) -> pandas.DataFrame:
    """A layout: a row for each mapping of headings to cells, empty where it has none."""
    return pandas.DataFrame(list(rows), dtype=object).fillna("")


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


def percent_text(row: Any, name: str) -> str:
    """A rate and its interval, as `rate` names them; empty if there is none.

    Parameters
    ----------
    row : namedtuple
        Of `DataFrame.itertuples`.
    name : str
    """
    value = getattr(row, f"{name}_percent")
    if pandas.isna(value):
        return ""
    return f"{value:.{_digits(value)}f}{interval_text(row, name)}"


def interval_text(row: Any, name: str) -> str:
    """The interval of a rate, in brackets after a blank; empty if there is none."""
    value, low, high = (getattr(row, f"{name}_{end}") for end in ("percent", "low", "high"))
    digits = _digits(value)
    return "" if pandas.isna(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"


def _digits(percent: float) -> int:
    """Decimals of a rate: as many as show that it is not quite 0 or 100."""
    digits = 2 if percent < 2 else 1
    rest = min(percent, 100 - percent)
    return digits if rest < 1e-9 else max(digits, math.ceil(-math.log10(2 * rest)))


def percent(row: Any, name: str) -> Cell:
    """The same as a cell."""
    return number(percent_text(row, name), getattr(row, f"{name}_percent"))


def distortion_text(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """A distortion, with its interval if there is one, which ends at 0; empty for NaN."""
    if pandas.isna(value):
        return ""
    ends = [] if pandas.isna(low) else [max(low, 0.0), high]
    exponent = 0 if value == 0 or abs(value) >= _SMALLEST else math.floor(math.log10(abs(value)))
    digits, power = (1, _power(exponent)) if exponent else (4, "")
    text, *interval = (f"{end / 10**exponent:.{digits}f}" if end else "0" for end in (value, *ends))
    if not interval:
        return text + power
    return f"{text} [{', '.join(interval)}]" + (f" {power}" if power else "")


def distortion(value: float, low: float = math.nan, high: float = math.nan) -> Cell:
    """The same as a cell."""
    return number(distortion_text(value, low, high), value)


def significant(value: float, digits: int = 4) -> str:
    """A number with some significant digits, very large and small ones as powers of ten.

    Empty for NaN, and ``∞``.
    """
    if pandas.isna(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or _SMALLEST <= abs(value) < _LARGEST:
        return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return mantissa + _power(int(exponent))


def _power(exponent: int) -> str:
    return f"×10{superscript(exponent)}"


def superscript(value: int) -> str:
    """An exponent, or the number of a note."""
    return str(value).translate(_SUPERSCRIPTS)


def attacked_text(row: Any) -> Cell:
    """How many of the images that were drawn are attacked: the rest are misclassified anyway."""
    return count(row.success_n, f"{{:.0f}} of {row.success_n + row.already_wrong_n:.0f}")


def seeds_sentence(table: pandas.DataFrame) -> str:
    """What numbers of images count if there are several seeds; empty if there is one."""
    seeds = table["seeds"].max()
    return f" Numbers of images are those of all {seeds:.0f} seeds together." if seeds > 1 else ""
