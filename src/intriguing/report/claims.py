"""The verdict on every claim of the paper, to be read."""

from __future__ import annotations

import pandas

CAPTION = (
    "Computed from the tables of this experiment alone; tests and thresholds are in"
    " src/intriguing/claims/paper.py. Effect: over the cases (models, pairs or layers), with its"
    " 95 % interval where images are sampled; n: images of each case, at least."
)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """One line a claim."""
    lines = [
        {
            "claim": row.sentence + (" (a check of ours)" if row.of == "ours" else ""),
            "verdict": row.verdict,
            "effect": _effect_text(row.effect, row.effect_low, row.effect_high),
            "which is": "" if pandas.isna(row.unit) else row.unit,
            "cases": f"{row.cases}" if row.cases else "",
            "n": f"{row.images}" if row.images else "",
            "because": row.reason,
            "test": row.test,
        }
        for row in table.itertuples()
    ]
    return pandas.DataFrame(lines)


def _effect_text(value: float, low: float, high: float) -> str:
    if pandas.isna(value):
        return ""
    return f"{value:.3g}" + ("" if pandas.isna(low) else f" [{low:.3g}, {high:.3g}]")
