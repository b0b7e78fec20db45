"""Distortion by attack: every attack on every model of an experiment side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells

_SETTINGS = ("method", "split", "targets", "margin", "levels")


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
            row["distortion_worst"] = sets["distortion_worst"].max()
            row["evaluations"] = sets["evaluations_mean"].mean()
            rows.append(row)
    return pandas.DataFrame(rows)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """The table to be read: attacks below each other within a model."""
    lines = [
        {
            "model": row.label,
            "attack": row.attack,
            "method": row.method,
            "targets": row.targets,
            "images": row.split,
            "margin": f"{row.margin:g}" + _levels_text(row.levels),
            "found": f"{row.success_count:.0f}/{row.success_n:.0f}" + cells.seeds_text(row.seeds),
            "success %": cells.percent_text(row, "success"),
            "av. distortion": cells.distortion_text(
                row.distortion, row.distortion_low, row.distortion_high
            ),
            "median": cells.distortion_text(row.distortion_median),
            "worst": cells.distortion_text(row.distortion_worst),
            "gradients": f"{row.evaluations:.0f}",
        }
        for row in table.itertuples()
    ]
    return pandas.DataFrame(lines)


def _levels_text(levels: float) -> str:
    return "" if pandas.isna(levels) else f", {levels:.0f} levels"


def caption(dataset: str, table: pandas.DataFrame) -> str:
    """What the table shows, and the paper's claim about it."""
    return (
        f"Every attack on every model of {dataset}: the number of adversarial examples found"
        " for the images attacked, from the split named (images that the model misclassifies"
        " undistorted are left out, unless their class is the model's own answer), and the mean,"
        " median and worst distortion of these examples, with the 95 % interval of the mean."
        " margin: in logits, of the example evaluated alone. gradients: mean number of gradient"
        f" evaluations for an image. {successes_sentence(table)}"
    )


def successes_sentence(table: pandas.DataFrame) -> str:
    """The paper's claim and how many attacks succeed here.

    Parameters
    ----------
    table : DataFrame
        As `tidy` gives it.
    """
    counts = table.groupby("label", sort=False)[["success_count", "success_n"]].sum()
    systems = "; ".join(
        f"{row.Index} {row.success_count:.0f} of {row.success_n:.0f}" for row in counts.itertuples()
    )
    return (
        "Paper: for every network studied an adversarial example was found for every sample."
        f" Here, counting an image once for each attack on it: {systems}."
    )
