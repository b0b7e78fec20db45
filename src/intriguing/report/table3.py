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
        One row a model: ``<part>_*`` and ``test_*`` are errors in percent, ``distortion_*`` that of
        its adversarial examples. ``paper_*`` are published, ``paper_*_is`` inside, below or above
        our interval.
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
            row |= cells.rate(split, [c["errors"] for c in counts], [c["n"] for c in counts])
        sets = cells.rows_of(attacks, attack, name)
        row |= cells.rate("success", sets["successes"], sets["attacked"])
        row |= cells.mean("distortion", sets, "successes")
        rows.append(row | {"role": entry.get("role", "")})
    table = (
        pandas.DataFrame(rows)
        .merge(published.add_prefix("paper_"), how="left", left_on="role", right_on="paper_model")
        .drop(columns="paper_model")
    )
    return cells.compared(table, _published(table))


def _splits(errors: Mapping[str, Any]) -> list[str]:
    """The parts in order, then the test set."""
    return [*(name for name in errors if name not in ("train", "test")), "test"]


def _published(table: pandas.DataFrame) -> dict[str, str]:
    """What of ours has a published value; parts may have other names than the paper's."""
    ends = {"P1": "P1_percent", "P2": "P2_percent", "test": "test_percent"}
    ours = {name: f"paper_{end}" for name, end in ends.items() if f"{name}_low" in table}
    return ours | {"distortion": "paper_distortion"}


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """Table 3 to be read: two lines a model, ours and the paper's."""
    ends = "_percent"
    names = [column.removesuffix(ends) for column in table if column.endswith(ends)]
    splits = [name for name in names if name != "success" and not name.startswith("paper_")]
    lines = []
    for row in table.itertuples():
        ours = {"model": row.label, "": "ours" + cells.seeds_text(row.seeds)}
        theirs = {"model": row.role, "": f"paper [{row.paper_tag}]"}
        ours["trained on"] = row.trained_on
        theirs["trained on"] = getattr(row, "paper_trained_on", "")
        for split in splits:
            number = getattr(row, f"{split}_n")
            heading = f"error % on {split}, n = {number / row.seeds:.0f}"
            ours[heading] = cells.percent_text(row, split)
            theirs[heading] = _published_rate(row, split)
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


def _published_rate(row: Any, split: str) -> str:
    if not hasattr(row, f"paper_{split}_percent"):
        return ""
    where = getattr(row, f"paper_{split}_percent_is", "")
    return cells.published_text(cells.percent_text(row, f"paper_{split}"), where)
