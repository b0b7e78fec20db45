"""Table 3: models trained on disjoint parts of the training set, on undistorted images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells
from intriguing.report.published import compared, label, next_to


def tidy(
    models: Mapping[str, Mapping[str, str]],
    metrics: Mapping[str, Sequence[Mapping[str, Any]]],
    attacks: pandas.DataFrame,
    published: pandas.DataFrame,
    attack: str,
    *,
    same_data: bool = True,
) -> pandas.DataFrame:
    """Table 3, ours and the published values.

    Parameters
    ----------
    models : mapping of str to mapping
        Entries of the models trained on parts (``label``, ``description``, ``role``), in order.
    metrics : mapping of str to sequence of mapping
        ``metrics.json`` of each model, one for each seed.
    attacks : DataFrame
        A row for each adversarial set, with the columns ``attack``, ``model`` and ``seed``.
    published : DataFrame
        ``resources/paper/table3.csv`` as `published.read` gives it.
    attack : str
        Which attack.
    same_data : bool
        Whether the experiment has the images of the paper (MNIST).

    Returns
    -------
    DataFrame
        One row a model: ``error_<part>_*`` and ``error_test_*`` are errors in percent,
        ``distortion_*`` that of its adversarial examples. ``paper_*`` are published (the error on
        the part that a model was trained on next to ours on that part), ``paper_*_is``:
        see `published.compared`.
    """
    rows = []
    for name, entry in models.items():
        runs = metrics[name]
        row: dict[str, Any] = {
            "model": name,
            "label": entry["label"],
            "description": entry["description"],
            "trained_on": runs[0]["trained_on"],
            "seeds": len(runs),
        }
        for split in _splits(runs[0]["errors"]):
            counts = [run["errors"][split] for run in runs]
            errors, numbers = ([c[key] for c in counts] for key in ("errors", "n"))
            row |= cells.rate(f"error_{split}", errors, numbers)
        sets = cells.rows_of(attacks, attack, name)
        row |= cells.rate("success", sets["successes"], sets["attacked"])
        row |= cells.mean("distortion", sets, "successes")
        row |= {"already_wrong_n": sets["already_wrong"].sum(), "labels": sets["labels"].iloc[0]}
        rows.append(row | {"role": entry.get("role", "")})
    table = (
        pandas.DataFrame(rows)
        .merge(_by_half(published), how="left", left_on="role", right_on="paper_model")
        .drop(columns="paper_model")
    )
    ours = {"distortion": "paper_distortion"}
    splits = _splits(next(iter(metrics.values()))[0]["errors"])
    for split in splits:
        for end in _ENDS:
            table[f"paper_error_{split}_{end}"] = [
                _published(row, split, end, len(splits) - 1) for row in table.to_dict("records")
            ]
        ours[f"error_{split}"] = f"paper_error_{split}_percent"
    return compared(table, ours, same_data)


def _splits(errors: Mapping[str, Any]) -> list[str]:
    """The parts in order, then the test set."""
    return [*(name for name in errors if name not in ("train", "test")), "test"]


_ENDS = ("percent", "low", "high")


def _by_half(published: pandas.DataFrame) -> pandas.DataFrame:
    """The paper's errors on P1 and P2 as those on a model's own and on the other half."""
    table = published.add_prefix("paper_")
    on_first = table["paper_trained_on"] == "P1"
    for end in _ENDS:
        first, second = table[f"paper_P1_{end}"], table[f"paper_P2_{end}"]
        table[f"paper_own_{end}"] = first.where(on_first, second)
        table[f"paper_other_{end}"] = second.where(on_first, first)
    return table


def _published(row: Any, split: str, end: str, parts: int) -> float:
    """The published number that belongs next to ours; the paper has two halves."""
    if split == "test":
        return row[f"paper_test_{end}"]
    if parts != 2:
        return float("nan")
    return row[f"paper_{'own' if split == row['trained_on'] else 'other'}_{end}"]


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """Table 3 to be read: a line a model, the published values next to ours."""
    start, end = "error_", "_percent"
    splits = [
        column.removeprefix(start).removesuffix(end)
        for column in table
        if column.startswith(start) and column.endswith(end)
    ]
    rows = []
    for row in table.itertuples():
        line = {"model": label(row), "trained on": row.trained_on}
        for split in splits:
            ours = cells.percent(row, f"error_{split}")
            paper = f"paper_error_{split}_percent"
            line |= next_to(table, row, f"error % on {split}", ours, paper)
        ours = cells.distortion(row.distortion, row.distortion_low, row.distortion_high)
        line |= next_to(table, row, "av. distortion", ours, "paper_distortion")
        line["attacked"] = cells.attacked_text(row)
        line["examples"] = cells.count(row.success_count)
        line |= {f"n {split}": cells.count(getattr(row, f"error_{split}_n")) for split in splits}
        rows.append(line)
    return cells.lines(rows)
