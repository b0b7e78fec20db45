"""Distortion by attack: every attack on every model of an experiment side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells

_SETTINGS = ("method", "split", "targets", "labels", "margin", "levels")


def tidy(
    models: Mapping[str, Mapping[str, str]], attacks: pandas.DataFrame, names: Sequence[str]
) -> pandas.DataFrame:
    """One row for each attack of each model, seeds pooled.

    Parameters
    ----------
    models : mapping of str to mapping
        Entries of the experiment, in order.
    attacks : DataFrame
        A row for each adversarial set, with the columns ``attack``, ``model`` and ``seed``.
    names : sequence of str
        The attacks, in order.

    Returns
    -------
    DataFrame
        ``success_n`` images are attacked; ``already_wrong_n`` are not, since the model
        misclassifies them undistorted.
    """
    rows = []
    for name, entry in models.items():
        for attack in names:
            sets = cells.rows_of(attacks, attack, name)
            if sets.empty:
                continue
            row: dict[str, Any] = {"model": name, "label": entry["label"], "attack": attack}
            row |= {key: sets[key].iloc[0] for key in _SETTINGS}
            row["seeds"] = len(sets)
            row |= cells.rate("success", sets["successes"], sets["attacked"])
            row |= cells.mean("distortion", sets, "successes")
            row["already_wrong_n"] = sets["already_wrong"].sum()
            row["distortion_worst"] = sets["distortion_worst"].max()
            row["evaluations"] = sets["evaluations_mean"].mean()
            rows.append(row)
    return pandas.DataFrame(rows)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """The table to be read: attacks below each other within a model."""
    return cells.lines(
        [
            {
                "model": row.label,
                "attack": row.attack,
                "method": row.method,
                "targets": row.targets,
                "split": row.split,
                "margin": cells.number(f"{row.margin:g}{_levels_text(row.levels)}", row.margin),
                "attacked": cells.attacked_text(row),
                "examples": cells.count(row.success_count),
                "success %": cells.percent(row, "success"),
                "av. distortion": cells.distortion(
                    row.distortion, row.distortion_low, row.distortion_high
                ),
                "median": cells.distortion(row.distortion_median),
                "worst": cells.distortion(row.distortion_worst),
                "gradients": cells.count(row.evaluations),
            }
            for row in table.itertuples()
        ]
    )


def _levels_text(levels: float) -> str:
    return "" if pandas.isna(levels) else f", {levels:.0f} levels"


def caption(dataset: str, table: pandas.DataFrame) -> str:
    """What the table shows, and the paper's claim about it."""
    alone = (
        " Images that the model misclassifies undistorted are not attacked."
        if (table["already_wrong_n"] > 0).any()
        else ""
    )
    return (
        f"Every attack on every model of {dataset}: how many of the images drawn are attacked, for"
        " how many an adversarial example is found, and the distortion of these examples, with the"
        f" 95 % interval of its mean.{alone}{cells.seeds_sentence(table)} margin: in logits, of the"
        " example evaluated alone. gradients: mean number of gradient evaluations for an image."
        f" {successes_sentence(table)}"
    )


def successes_sentence(table: pandas.DataFrame) -> str:
    """The paper's claim and how many attacks succeed here.

    Parameters
    ----------
    table : DataFrame
        As `tidy` gives it.
    """
    counts = table.groupby("label", sort=False)[["success_count", "success_n"]].sum()
    found, attacked = counts.sum()
    missed = counts[counts["success_count"] < counts["success_n"]]
    systems = "; ".join(
        f"{row.Index} {row.success_count:.0f} of {row.success_n:.0f}" for row in missed.itertuples()
    )
    return (
        "Paper: for every network studied an adversarial example was found for every sample."
        f" Here, counting an image once for each attack on it: {found:.0f} of {attacked:.0f}"
        + (f", all but for {systems}." if systems else ".")
    )
