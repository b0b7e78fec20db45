"""How examples transfer: whether another model makes the same mistake, and what models share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas

from intriguing.report import cells

KINDS = {"distorted": "error", "matched_noise": "noise"}


# pairs of models from which on a rank correlation says something
FEWEST = 5
_KEYS = ["made_for", "target", "made_for_label", "target_label"]


def tidy(
    models: Mapping[str, Mapping[str, str]], transfer: pandas.DataFrame, attack: str
) -> pandas.DataFrame:
    """One row for each pair of different models that distinguish the same classes.

    Parameters
    ----------
    models : mapping of str to mapping
        Entries of the experiment, in order.
    transfer : DataFrame
        Rows of all transfer jobs.
    attack : str
        Which attack.

    Returns
    -------
    DataFrame
        In percent of the images: ``error_*`` all errors on the adversarial examples, ``same_*``
        those that are the class the image was moved to, ``other_*`` the rest; ``noise_*`` and
        ``noise_same_*`` the same under Gaussian noise of the same distortion. ``cosine_*``: cosine
        of the gradients of both models' margins at the originals. Without such a pair: no rows.
    """
    chosen = transfer[(transfer["attack"] == attack) & transfer["same_errors"].notna()]
    rows = []
    for source in models:
        for target in models:
            pair = chosen[(chosen["made_for"] == source) & (chosen["target"] == target)]
            if source == target or pair.empty:
                continue
            row: dict[str, Any] = {
                "made_for": source,
                "target": target,
                "made_for_label": models[source]["label"],
                "target_label": models[target]["label"],
            }
            for kind, name in KINDS.items():
                part = pair[pair["input"] == kind]
                same, number = part["same_errors"].astype(int), part["n"]
                row |= cells.rate(name, part["errors"], number)
                row |= cells.rate("same" if name == "error" else f"{name}_same", same, number)
                if name == "error":
                    row |= cells.rate("other", part["errors"] - same, number)
                    row |= cells.mean("cosine", part, "cosine_n")
                    row["seeds"] = len(part)
            rows.append(row)
    return pandas.DataFrame(rows, columns=None if rows else _KEYS)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """The table to be read: a line a model, the least and the largest value over all others."""
    rows = []
    for label, pairs in table.groupby("made_for_label", sort=False):
        rows.append(
            {
                "made for": label,
                "other models": cells.count(len(pairs)),
                "n": cells.count(pairs.iloc[0]["error_n"]),
                "others err, %": _range(pairs, "error"),
                "with the target's class, %": _range(pairs, "same"),
                "with another class, %": _range(pairs, "other"),
                "err under noise, %": _range(pairs, "noise"),
                "with the target's class, under noise, %": _range(pairs, "noise_same"),
                "cosine of margin gradients": _cosines(pairs),
            }
        )
    return cells.lines(rows)


def _range(pairs: pandas.DataFrame, name: str) -> cells.Cell:
    """The pair with the least and that with the largest rate, each with its interval."""
    ordered = pairs.sort_values(f"{name}_percent", kind="stable")
    ends = [cells.percent_text(row, name) for row in ordered.iloc[[0, -1]].itertuples()]
    return cells.number(" to ".join(dict.fromkeys(ends)), ordered[f"{name}_percent"].max())


def _cosines(pairs: pandas.DataFrame) -> cells.Cell:
    ordered = pairs.dropna(subset=["cosine"]).sort_values("cosine", kind="stable")
    if ordered.empty:
        return cells.number("", math.nan)
    ends = [
        f"{row.cosine:.3f} [{row.cosine_low:.3f}, {row.cosine_high:.3f}]"
        for row in ordered.iloc[[0, -1]].itertuples()
    ]
    return cells.number(" to ".join(dict.fromkeys(ends)), ordered["cosine"].max())


def caption(table: pandas.DataFrame) -> str:
    """The line below the table."""
    if table.empty:
        return "There are no two models that distinguish the same classes."
    # rank by hand: pandas' own needs scipy.stats, which takes a second to import
    known = table.dropna(subset=["cosine", "error_percent"])
    correlation = known["cosine"].rank().corr(known["error_percent"].rank())
    enough = len(known) >= FEWEST and not pandas.isna(correlation)
    rank = f" Their rank correlation is {correlation:.2f}." if enough else ""
    return (
        "The least and the largest value over the other models, each with its 95 % interval. An"
        " error on an adversarial example is the class that the image was moved to for the first"
        " model, or another wrong class. Noise: Gaussian, of the same distortion, on the same"
        " images. Cosine: between the gradients of both models' margins (logit of the target's"
        f" class minus logit of the label) at the originals, mean over images; {len(known)} pairs"
        f" of models have a cosine and a rate of errors.{rank}{cells.seeds_sentence(table)}"
    )
