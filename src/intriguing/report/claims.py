"""The verdict on every claim of the paper, to be read."""

from __future__ import annotations

from typing import Any

import pandas

from intriguing.report import cells

CAPTION = (
    "Computed from the tables of this experiment alone; tests and thresholds are in"
    " src/intriguing/claims/paper.py. Effect: over the cases (models, pairs or layers), with its"
    " 95 % interval where images are sampled; n: images of each case, at least."
)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """One line a claim."""
    return cells.lines(
        [
            {
                "claim": cells.sentence(row.sentence + " (a check of ours)" * (row.of == "ours")),
                "verdict": row.verdict,
                "effect": _effect(row),
                "which is": cells.sentence("" if pandas.isna(row.unit) else row.unit),
                "cases": cells.count(row.cases or float("nan")),
                "n": cells.count(row.images or float("nan")),
                "because": cells.sentence(row.reason),
                "test": cells.sentence(row.test),
            }
            for row in table.itertuples()
        ]
    )


def _effect(row: Any) -> cells.Cell:
    value, *ends = (
        cells.significant(number, 3) for number in (row.effect, row.effect_low, row.effect_high)
    )
    interval = f" [{', '.join(ends)}]" if all(ends) else ""
    return cells.number(f"{value}{interval}", row.effect)
