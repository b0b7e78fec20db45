"""Table 3: models trained on disjoint parts of the training set, on undistorted images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells


def tidy(
    models: Mapping[str, Mapping[str, str]],
    metrics: Mapping[str, Sequence[Mapping[str, Any]]],
    attacks: pandas.DataFrame,
    published: pandas.DataFrame,
    attack: str,
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

    Returns
    -------
    DataFrame
        One row a model: ``error_<part>_*`` and ``error_test_*`` are errors in percent,
        ``distortion_*`` that of its adversarial examples. ``paper_*`` are published (the error on
        the part that a model was trained on next to ours on that part), ``paper_*_is`` inside,
        below or above our interval.
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
    return cells.compared(table, ours)


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
    """Table 3 to be read: two lines a model, ours and the paper's."""
    start, end = "error_", "_percent"
    splits = [
        column.removeprefix(start).removesuffix(end)
        for column in table
        if column.startswith(start) and column.endswith(end)
    ]
    lines = []
    for row in table.itertuples():
        ours = {"model": row.label, "": "ours" + cells.seeds_text(row.seeds)}
        theirs = {"model": row.role, "": f"paper [{row.paper_tag}]"}
        ours["trained on"] = row.trained_on
        theirs["trained on"] = getattr(row, "paper_trained_on", "")
        for split in splits:
            number = getattr(row, f"error_{split}_n")
            heading = f"error % on {split}, n = {number / row.seeds:.0f}"
            ours[heading] = cells.percent_text(row, f"error_{split}")
            theirs[heading] = cells.published_text(
                cells.percent_text(row, f"paper_error_{split}"),
                getattr(row, f"paper_error_{split}_percent_is"),
            )
        ours["attack success"] = f"{row.success_count:.0f}/{row.success_n:.0f}"
        theirs["attack success"] = ""
        ours["av. distortion"] = cells.distortion_text(
            row.distortion, row.distortion_low, row.distortion_high
        )
        theirs["av. distortion"] = cells.published_text(
            f"{row.paper_distortion:g}", row.paper_distortion_is
        )
        lines.append(ours)
        if row.role and not pandas.isna(row.paper_distortion):
            lines.append(theirs)
    return pandas.DataFrame(lines)
