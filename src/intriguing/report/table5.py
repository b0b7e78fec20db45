"""Table 5: bounds of every layer of every network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells

TRAINED = "trained here"

_METHODS = ("paper_as_printed", "paper", "lower", "upper", "unfold", "article", "toeplitz", "gram")
_COLUMNS = (
    *("network", "weights", "seed", "layer", "name", "kind", "input", "weight", "stride"),
    *("published_size", "published_bound", *_METHODS, "product", "method"),
)


def tidy(
    networks: Sequence[tuple[Mapping[str, Any], pandas.DataFrame]], published: pandas.DataFrame
) -> pandas.DataFrame:
    """Bounds of all layers of all networks.

    Parameters
    ----------
    networks : sequence of (mapping, DataFrame)
        ``label``, ``architecture``, ``weights`` (where they come from, in words; empty if the
        network is trained in the experiment) and ``seed`` of each, and its ``layers.csv``.
    published : DataFrame
        ``resources/paper/table5.csv``; shown next to the networks of architecture ``alexnet``.

    Returns
    -------
    DataFrame
        One row a layer; the last row of each network is for the whole. ``network`` is the label,
        with where the weights come from if they are not trained in the experiment; ``weights`` says
        that alone.
    """
    theirs = published.add_prefix("published_")
    frames = []
    for entry, layers in networks:
        frame = layers.copy()
        if entry["architecture"] == "alexnet":
            frame = frame.merge(theirs, how="left", left_on="layer", right_on="published_layer")
        weights = entry["weights"]
        frame["network"] = f"{entry['label']}, {weights}" if weights else entry["label"]
        frame["weights"], frame["seed"] = weights or TRAINED, entry["seed"]
        frames.append(frame.reindex(columns=_COLUMNS))
    return pandas.concat(frames, ignore_index=True)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """As in the paper: a line a layer, each network under the last; the first seed of each."""
    rows = []
    known = table["published_bound"].notna().any()
    for label, shown in _networks(table):
        mark = _mark(table, shown)
        for row in shown.itertuples():
            line = {"network": label, "layer": row.layer, "size": _size_text(row.weight)}
            line["stride"] = cells.count(row.stride)
            line["ours [lower, upper]"] = _interval(row, shown, mark)
            if known:
                line["published, other weights"] = cells.Cell(
                    cells.significant(row.published_bound),
                    row.published_bound,
                    "number published other",
                )
            line |= {
                heading: _norm(getattr(row, method))
                for heading, method in (
                    ("printed", "paper_as_printed"),
                    ("corrected", "paper"),
                    ("unfold", "unfold"),
                    ("article", "article"),
                    ("Toeplitz", "toeplitz"),
                    ("Gram", "gram"),
                )
            }
            rows.append(line)
    return cells.lines(rows)


def notes(table: pandas.DataFrame) -> list[str]:
    """Why networks have no bound: one numbered sentence for each reason."""
    return [
        f"{cells.superscript(number)} {reason[:1].upper()}{reason[1:]}."
        for number, reason in enumerate(_reasons(table), 1)
    ]


def caption(table: pandas.DataFrame) -> str:
    """The line below the table."""
    published = (
        " published: Szegedy et al. 2013, Table 5, for an AlexNet with trained weights that the"
        " paper does not name; the weights here are others, so that the two are not compared."
        if table["published_bound"].notna().any()
        else ""
    )
    several = " Of several seeds the first is shown." if table["seed"].nunique() > 1 else ""
    return (
        "Operator norm of each layer. A network is trained in this experiment unless its name says"
        " which weights it has. ours: certified interval; of a network, the largest Jacobian norm"
        f" found and the smallest certified constant.{published} printed: the paper's formula,"
        " unchanged; corrected: with the right power of the stride, and of a network the product"
        " with pools as 1, which is not a bound where pools overlap. unfold, article, Toeplitz"
        f" (LipBound), Gram iteration: other methods.{several}"
    )


def _networks(table: pandas.DataFrame) -> Iterator[tuple[str, pandas.DataFrame]]:
    """The first seed of each network, without layers that cannot enlarge a distance."""
    for label, of_label in table.groupby("network", sort=False):
        shown = of_label[of_label["seed"] == of_label["seed"].iloc[0]]
        unbounded = shown["upper"] == math.inf
        yield str(label), shown[unbounded | ~shown["kind"].isin(cells.PLAIN_LAYERS)]


def _reasons(table: pandas.DataFrame) -> list[str]:
    """Why the networks that are shown have no bound, each reason once."""
    reasons = [_reason(shown) for _, shown in _networks(table)]
    return list(dict.fromkeys(reason for reason in reasons if reason))


def _reason(network: pandas.DataFrame) -> str:
    last = network.iloc[-1]
    return last["method"] if last["upper"] == math.inf else ""


def _mark(table: pandas.DataFrame, network: pandas.DataFrame) -> str:
    """The number of the note that says why a network has no bound; empty if it has one."""
    reason = _reason(network)
    return cells.superscript(1 + _reasons(table).index(reason)) if reason else ""


def _interval(row: Any, network: pandas.DataFrame, mark: str) -> cells.Cell:
    """The certified interval, or that there is none, where the chain of bounds ends and why."""
    if row.upper < math.inf:
        text = f"[{cells.significant(row.lower)}, {cells.significant(row.upper)}]"
        return cells.number(text, row.upper)
    layers = network[(network["kind"] != "network") & (network["upper"] == math.inf)]["layer"]
    if row.kind == "network":
        since = f" from {layers.iloc[0]} on" if len(layers) else ""
        text = f"no constant{since} {mark}; at least {cells.significant(row.lower)}"
    else:
        text = "no constant" if row.method == "no constant" else "no bound known"
        text += f" {mark}" if row.layer == layers.iloc[0] else ""
    return cells.number(text, math.inf)


def _size_text(weight: Any) -> str:
    """Outputs×inputs×height×width as the paper writes it: inputs×height×width×outputs."""
    if pandas.isna(weight) or not weight:
        return ""
    outputs, *rest = weight.split("×")
    return "×".join([*rest, outputs])


def _norm(value: float) -> cells.Cell:
    return cells.number("" if value == math.inf else cells.significant(value), value)
