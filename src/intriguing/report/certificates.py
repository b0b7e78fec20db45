"""Certified distortions next to those of adversarial examples and of random noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells

STRONGEST_NOISE = 10.0
"""What `attacks.noise.noise_tolerance` gives where no noise changes the class."""

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

    Returns
    -------
    DataFrame
        ``noise_capped``: half of the images of a seed, or more, keep their class under the
        strongest noise tried.
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
            row["noise_capped"] = bool((of_seeds["noise_median"] >= STRONGEST_NOISE).any())
            row["least_ratio"] = of_seeds["least_ratio"].min()
            rows.append(row)
    return pandas.DataFrame(rows)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """The table to be read: attacks below each other within a model."""
    rows = []
    for row in table.to_dict("records"):
        line = {"model": row["label"], "attack": row["attack"], "n": cells.count(row["n"])}
        for name in _CERTIFIED:
            line[f"certified, {name}"] = _certified(row, name)
        line["found"] = _distance(row, "found")
        # some images withstand the strongest noise that is tried: a mean would depend on it
        line["noise, median"] = _noise(row)
        line["least ratio"] = cells.number(_ratio_text(row["least_ratio"]), row["least_ratio"])
        rows.append(line)
    return cells.lines(rows)


def caption(table: pandas.DataFrame) -> str:
    """The line below the table."""
    nothing = (
        " nothing: the network has no certified constant, and Table 5 says why."
        if (table["simple"] == 0).any()
        else ""
    )
    return (
        "Mean distortion (root mean square per pixel) over the n images with an adversarial"
        " example, with 95 % intervals. certified: no distortion below it changes the class, by the"
        " network's constant (simple), by that of each pair of logits (pairwise), or moves the"
        f" image to its target (targeted).{nothing} found: by the attack. noise: Gaussian, along"
        " one random direction, where the class first changes. least ratio: the smallest ratio of"
        f" found to certified; below 1 the build fails.{cells.seeds_sentence(table)}"
    )


def _distance(row: Mapping[Any, Any], name: str) -> cells.Cell:
    return cells.distortion(*(row.get(f"{name}{end}", math.nan) for end in ("", "_low", "_high")))


def _certified(row: Mapping[Any, Any], name: str) -> cells.Cell:
    """As the others; a network without a constant certifies nothing."""
    return cells.number("nothing", 0) if row.get(name) == 0 else _distance(row, name)


def _noise(row: Mapping[Any, Any]) -> cells.Cell:
    median = row["noise_median"]
    text = cells.distortion_text(median)
    if row["noise_capped"]:
        text = f"≥ {median:.4g}" + " (largest tried)" * bool(median >= STRONGEST_NOISE)
    return cells.number(text, median)


def _ratio_text(value: float) -> str:
    if value == math.inf:
        return ""
    return f"{value:.2f}" if abs(value) < 1000 else cells.significant(value, 2)
