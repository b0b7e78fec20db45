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

AGREES, LOWER, HIGHER, OTHER_DATA = "agrees", "lower", "higher", "other data"
"""What a published value is, see `compared`."""

# its HTML class
_CLASSES = {AGREES: AGREES, LOWER: LOWER, HIGHER: HIGHER, OTHER_DATA: "other"}
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
        published one lies wholly on that side of ours, ``other data`` where the two are not to be
        compared, and nothing where one of them is missing.
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
        if not same_data:
            verdict[:] = OTHER_DATA
        unknown = table[[paper, f"{ours}_low", f"{ours}_high"]].isna().any(axis=1)
        table[f"{paper}_is"] = verdict.mask(unknown, "")
    return table


def compared_cells(table: pandas.DataFrame, same_data: bool) -> pandas.DataFrame:
    """A matrix of errors with `compared`; a model errs on its own examples by construction."""
    table = compared(table, {"error": "paper_error_percent"}, same_data)
    own = (table["made_for"] == table["target"]) & (table["error_percent"] == 100)
    if same_data:
        table.loc[own, "paper_error_percent_is"] = ""
    return table


def own_examples(table: pandas.DataFrame) -> str:
    """What the line below such a matrix says of its diagonal; empty if nothing is compared."""
    if not on_same_data(table) or table["paper_error_percent"].isna().all():
        return ""
    return " A model errs on all of its own examples by construction: these are not compared."


def on_same_data(table: pandas.DataFrame) -> bool:
    """Whether the published values of a table are to be compared with ours, see `compared`."""
    return not (table.filter(regex="^paper_.*_is$") == OTHER_DATA).any(axis=None)


def published_words(table: pandas.DataFrame) -> str:
    """What the published values of a table are called."""
    return "published" if on_same_data(table) else "published for MNIST"


def with_published(
    table: pandas.DataFrame, row: Any, heading: str, ours: Cell, paper: str
) -> dict[str, Cell]:
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
        found[f"{heading}, {published_words(table)}"] = published_cell(row, paper)
    return found


def published_cell(row: Any, paper: str, *, marked: bool = True) -> Cell:
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
        return Cell(kind="number published")
    stem = paper.removesuffix("_percent")
    # as printed; the interval is ours
    text = f"{value:g}" + ("" if stem == paper else _interval_text(row, stem))
    kind = _CLASSES.get(verdict, "")
    if marked and kind == verdict:
        text += f" {verdict}"
    return Cell(text, value, f"number published {kind}".strip())


def model_label(row: Any) -> str:
    """Label of a model, with the published one that is shown next to it if that has another."""
    known = not pandas.isna(row.paper_distortion)
    return f"{row.label} (published: {row.role})" if known and row.role != row.label else row.label


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
    return f"{value:.{_digits(value)}f}{_interval_text(row, name)}"


def _interval_text(row: Any, name: str) -> str:
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


def matrix(table: pandas.DataFrame, label: str, heading: str) -> pandas.DataFrame:
    """Errors of every model on the images of every source, as in the paper's Tables 2 and 4.

    Parameters
    ----------
    table : DataFrame
        One row a cell: ``target_label``, ``error_*``, ``paper_error_*``, ``distortion`` and
        ``paper_distortion``.
    label : str
        Column that says what the images of a row are.
    heading : str
        Of the first column.

    Returns
    -------
    DataFrame
        A row for each source, ours above the published one if there is such.
    """
    rows = []
    for source, cells in table.groupby(label, sort=False):
        # the first value of each column that has one: a model without a role has none published
        first = cells.bfill().iloc[0]
        ours = {heading: source, "errors in %": "ours"}
        theirs = {heading: "", "errors in %": published_words(table)}
        for cell in cells.itertuples():
            ours[cell.target_label] = percent(cell, "error")
            theirs[cell.target_label] = published_cell(cell, "paper_error_percent")
        ours["av. distortion"] = distortion(first["distortion"])
        theirs["av. distortion"] = number(f"{first['paper_distortion']:g}", math.nan)
        ours["n"] = count(first["error_n"])
        rows.append(ours)
        if cells["paper_error_percent"].notna().any():
            rows.append(theirs)
    return lines(rows)


def listing(table: pandas.DataFrame, label: str, heading: str) -> pandas.DataFrame:
    """The cells of the same matrix below each other, with the controls of each.

    Parameters
    ----------
    table, label, heading
        As in `matrix`; the table also has ``matched_noise_*`` and ``clean_*``.
    """
    rows = []
    for record in table.itertuples():
        row = {heading: getattr(record, label), "evaluated on": record.target_label}
        row["error %"] = percent(record, "error")
        if table["paper_error_percent"].notna().any():
            published = published_cell(record, "paper_error_percent", marked=False)
            row[f"error %, {published_words(table)}"] = published
            if on_same_data(table):
                row["agreement"] = record.paper_error_percent_is
        row["noise of the same distortion, %"] = percent(record, "matched_noise")
        row["undistorted, %"] = percent(record, "clean")
        row["av. distortion"] = distortion(record.distortion)
        row["n"] = count(record.error_n)
        rows.append(row)
    return lines(rows)
