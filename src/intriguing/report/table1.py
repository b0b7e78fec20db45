"""Table 1: errors of each model and the average distortion of its adversarial examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells
from intriguing.report.published import compared, label, next_to

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
    *,
    same_data: bool = True,
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
    same_data : bool
        Whether the experiment has the images of the paper (MNIST).

    Returns
    -------
    DataFrame
        One row a model. ``*_low`` and ``*_high`` bound the 95 % interval; ``paper_*`` are
        published, ``paper_*_is`` says how they compare (see `published.compared`). ``train`` is the
        error on the split that the model was trained on; ``missed`` the share of a binary model's
        class that it does not recognise, in the test set. ``success_n`` images are attacked;
        ``already_wrong_n`` are not, since the model misclassifies them undistorted.
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
        row |= {key: sets[key].iloc[0] for key in ("split", "targets", "labels")}
        rows.append(row | {"role": entry.get("role", "")})
    table = (
        pandas.DataFrame(rows)
        .merge(published.add_prefix("paper_"), how="left", left_on="role", right_on="paper_model")
        .drop(columns="paper_model")
    )
    return compared(table, PUBLISHED, same_data)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """Table 1 to be read: a line a model, the published values next to ours."""
    rows = []
    for row in table.itertuples():
        line = {"model": label(row)}
        for heading, name in (("train error %", "train"), ("test error %", "test")):
            ours = cells.percent(row, name)
            line |= next_to(table, row, heading, ours, PUBLISHED[name])
        if "missed_n" in table:
            line["its class missed %"] = cells.percent(row, "missed")
        ours = cells.distortion(row.distortion, row.distortion_low, row.distortion_high)
        line |= next_to(table, row, "av. distortion", ours, PUBLISHED["distortion"])
        line["median"] = cells.distortion(row.distortion_median)
        line["worst"] = cells.distortion(row.distortion_worst)
        line["attacked"] = cells.attacked_text(row)
        line["examples"] = cells.count(row.success_count)
        line["n train"], line["n test"] = cells.count(row.train_n), cells.count(row.test_n)
        rows.append(line)
    return cells.lines(rows)
