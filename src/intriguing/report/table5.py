"""Table 5: bounds of every layer of every network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells

CAPTION = (
    "Operator norm of each layer. published: Szegedy et al. 2013, Table 5, for an AlexNet whose"
    " weights they do not name ([V]: compared with the paper's text). printed: their formula,"
    " unchanged; corrected: with the right power of the stride; ours: certified interval; unfold,"
    " article, Toeplitz (LipBound), Gram iteration: other methods. network: the largest Jacobian"
    " norm found and the smallest certified constant; corrected shows the product of the layers"
    " with pools as 1, which is not a bound where pools overlap."
)

_METHODS = ("paper_as_printed", "paper", "lower", "upper", "unfold", "article", "toeplitz", "gram")
_COLUMNS = (
    *("network", "seed", "layer", "name", "kind", "input", "weight", "stride"),
    *("published_size", "published_bound", "published_tag", *_METHODS, "product", "method"),
)


def tidy(
    networks: Sequence[tuple[Mapping[str, Any], pandas.DataFrame]], published: pandas.DataFrame
) -> pandas.DataFrame:
    """Bounds of all layers of all networks.

    Parameters
    ----------
    networks : sequence of (mapping, DataFrame)
        ``label``, ``architecture`` and ``seed`` of each, and its ``layers.csv``.
    published : DataFrame
        ``resources/paper/table5.csv``; shown next to the networks of architecture ``alexnet``.

    Returns
    -------
    DataFrame
        One row a layer; the last row of each network is for the whole.
    """
    theirs = published.add_prefix("published_")
    frames = []
    for entry, layers in networks:
        frame = layers.copy()
        if entry["architecture"] == "alexnet":
            frame = frame.merge(theirs, how="left", left_on="layer", right_on="published_layer")
        frame.insert(0, "network", entry["label"])
        frame.insert(1, "seed", entry["seed"])
        frames.append(frame.reindex(columns=_COLUMNS))
    return pandas.concat(frames, ignore_index=True)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """As in the paper: a line a layer, each network under the last; the first seed of each."""
    lines = []
    for label, of_label in table.groupby("network", sort=False):
        shown = of_label[of_label["seed"] == of_label["seed"].iloc[0]]
        for row in shown[~shown["kind"].isin(cells.PLAIN_LAYERS)].itertuples():
            published = "" if pandas.isna(row.published_bound) else f"{row.published_bound:g}"
            lines.append(
                {
                    "network": label,
                    "layer": row.layer,
                    "size": _size_text(row.weight),
                    "stride": "" if pandas.isna(row.stride) else f"{row.stride:.0f}",
                    "published": published and f"{published} [{row.published_tag}]",
                    "printed": _norm_text(row.paper_as_printed),
                    "corrected": _norm_text(row.paper),
                    "ours [lower, upper]": _interval_text(row),
                    "unfold": _norm_text(row.unfold),
                    "article": _norm_text(row.article),
                    "Toeplitz": _norm_text(row.toeplitz),
                    "Gram": _norm_text(row.gram),
                }
            )
    return pandas.DataFrame(lines)


def _interval_text(row: Any) -> str:
    interval = f"[{_norm_text(row.lower)}, {_norm_text(row.upper)}]"
    # without a bound, the reason
    return interval if row.upper < float("inf") else f"{interval}: {row.method}"


def _size_text(weight: Any) -> str:
    """Outputs×inputs×height×width as the paper writes it: inputs×height×width×outputs."""
    if pandas.isna(weight) or not weight:
        return ""
    outputs, *rest = weight.split("×")
    return "×".join([*rest, outputs])


def _norm_text(value: float) -> str:
    return "" if pandas.isna(value) else f"{value:.4g}"
