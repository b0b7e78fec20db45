"""Certified distortions next to those of adversarial examples and of random noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells

CAPTION = (
    "Mean distortion (root mean square per pixel) over the n images with an adversarial example,"
    " with 95 % intervals. certified: no distortion below it changes the class, by the network's"
    " constant (simple), by that of each pair of logits (pairwise), or moves the image to its"
    " target (targeted). found: by the attack. noise: Gaussian, along one random direction, where"
    " the class first changes. least ratio: the smallest ratio of found to certified; below 1 the"
    " build fails."
)

_CERTIFIED = ("simple", "pairwise", "targeted")
_DISTANCES = (*_CERTIFIED, "found", "noise")


def tidy(
    models: Mapping[str, Mapping[str, str]], lines: pandas.DataFrame, attacks: Sequence[str]
) -> pandas.DataFrame:
    """One row for each model and attack, seeds pooled.

    Parameters
    ----------
    models : mapping of str to mapping
        Entries of the experiment, in order.
    lines : DataFrame
        Certified radii of every adversarial set, with ``attack``, ``model`` and ``seed``.
    attacks : sequence of str
    """
    rows = []
    for name, entry in models.items():
        for attack in attacks:
            of_seeds = cells.rows_of(lines, attack, name)
            if of_seeds.empty:
                continue
            row: dict[str, Any] = {"model": name, "label": entry["label"], "attack": attack}
            row |= {key: of_seeds[key].iloc[0] for key in ("method", "split", "targets")}
            row |= {"seeds": len(of_seeds), "n": of_seeds["n"].sum()}
            # only attacks on a target have it; the others are empty if there is no example
            targeted = of_seeds.get("targeted_mean", pandas.Series(dtype=float)).notna().any()
            for distance in _DISTANCES:
                if distance != "targeted" or targeted:
                    row |= cells.mean(distance, of_seeds, "n")
            row["least_ratio"] = of_seeds["least_ratio"].min()
            rows.append(row)
    return pandas.DataFrame(rows)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """The table to be read: attacks below each other within a model."""
    lines = []
    for row in table.to_dict("records"):
        line = {"model": row["label"], "attack": row["attack"], "n": f"{row['n']:.0f}"}
        for name in _CERTIFIED:
            line[f"certified, {name}"] = _interval_text(row, name)
        line["found"] = _interval_text(row, "found")
        # some images withstand the strongest noise that is tried: a mean would depend on it
        line["noise, median"] = _text(row["noise_median"], ".4f")
        line["least ratio"] = _text(row["least_ratio"], ".2f")
        lines.append(line)
    return pandas.DataFrame(lines)


def _text(value: float, form: str) -> str:
    return "" if pandas.isna(value) else format(value, form)


def _interval_text(row: Mapping[Any, Any], name: str) -> str:
    if pandas.isna(row.get(name, float("nan"))):
        return ""
    value, low, high = (_fine(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _fine(value: float) -> str:
    """Four decimals, or two digits of what they would not show."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"
