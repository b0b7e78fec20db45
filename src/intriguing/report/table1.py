"""Table 1: errors of each model and the average distortion of its adversarial examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells

PUBLISHED = {
    "train": "paper_train_percent",
    "test": "paper_test_percent",
    "distortion": "paper_distortion",
}


def tidy(
    models: Mapping[str, Mapping[str, str]],
    metrics: Mapping[str, Sequence[Mapping[str, Any]]],
    attacks: pandas.DataFrame,
    published: pandas.DataFrame,
    attack: str,
) -> pandas.DataFrame:
    """Table 1, ours and the published values.

    Parameters
    ----------
    models : mapping of str to mapping
        Entries of the experiment (``label``, ``description``, ``role``), in order.
    metrics : mapping of str to sequence of mapping
        ``metrics.json`` of each model, one for each seed.
    attacks : DataFrame
        A row for each adversarial set, with the columns ``attack``, ``model`` and ``seed``.
    published : DataFrame
        ``resources/paper/table1.csv`` as `published.read` gives it.
    attack : str
        Which attack.

    Returns
    -------
    DataFrame
        One row a model. ``*_low`` and ``*_high`` bound the 95 % interval; ``paper_*`` are
        published, ``paper_*_is`` inside, below or above our interval. ``train`` is the error on
        the split that the model was trained on; ``missed`` the share of a binary model's class that
        it does not recognise, in the test set.
    """
    rows = []
    for name, entry in models.items():
        row: dict[str, Any] = {
            "model": name,
            "label": entry["label"],
            "description": entry["description"],
        }
        runs = metrics[name]
        row["seeds"] = len(runs)
        for column, split in (("train", runs[0]["trained_on"]), ("test", "test")):
            counts = [run["errors"][split] for run in runs]
            row |= cells.rate(column, [c["errors"] for c in counts], [c["n"] for c in counts])
        tests = [run["errors"]["test"] for run in runs]
        if "positive_n" in tests[0]:
            missed = [test["positive_errors"] for test in tests]
            row |= cells.rate("missed", missed, [test["positive_n"] for test in tests])
        sets = cells.rows_of(attacks, attack, name)
        row |= cells.rate("success", sets["successes"], sets["attacked"])
        row |= cells.mean("distortion", sets, "successes")
        row["distortion_worst"] = sets["distortion_worst"].max()
        row["already_wrong_n"] = sets["already_wrong"].sum()
        row |= {"split": sets["split"].iloc[0], "targets": sets["targets"].iloc[0]}
        rows.append(row | {"role": entry.get("role", "")})
    table = (
        pandas.DataFrame(rows)
        .merge(published.add_prefix("paper_"), how="left", left_on="role", right_on="paper_model")
        .drop(columns="paper_model")
    )
    return cells.compared(table, PUBLISHED)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """Table 1 to be read: two lines a model, ours and the paper's."""
    lines = []
    for row in table.itertuples():
        sizes = f"ours, n = {row.train_n:.0f} / {row.test_n:.0f}{cells.seeds_text(row.seeds)}"
        ours = {"model": row.label, "": sizes}
        theirs = {"model": row.role, "": f"paper [{row.paper_tag}]"}
        for heading, name in (("train error %", "train"), ("test error %", "test")):
            ours[heading] = cells.percent_text(row, name)
            theirs[heading] = cells.published_text(
                cells.percent_text(row, f"paper_{name}"), getattr(row, f"paper_{name}_percent_is")
            )
        if "missed_n" in table:
            missed = cells.percent_text(row, "missed")
            ours["its class missed %"] = f"{missed} of {row.missed_n:.0f}" if missed else ""
            theirs["its class missed %"] = ""
        successes = f"{row.success_count:.0f}/{row.success_n:.0f}"
        ours["attack success"] = successes + cells.seeds_text(row.seeds)
        theirs["attack success"] = ""
        ours["av. distortion"] = cells.distortion_text(
            row.distortion, row.distortion_low, row.distortion_high
        )
        theirs["av. distortion"] = cells.published_text(
            f"{row.paper_distortion:g}", row.paper_distortion_is
        )
        ours["median"], theirs["median"] = cells.distortion_text(row.distortion_median), ""
        ours["worst"], theirs["worst"] = cells.distortion_text(row.distortion_worst), ""
        lines.append(ours)
        if row.role:
            lines.append(theirs)
    return pandas.DataFrame(lines).fillna("")
