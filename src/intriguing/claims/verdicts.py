"""Evaluation of the claims on the tables of one experiment."""

from __future__ import annotations

from collections.abc import Mapping

import pandas

from intriguing.claims.findings import untestable
from intriguing.claims.paper import CLAIMS


def evaluate(tables: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """Judge every claim of the paper.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tidy tables of an experiment by name: the CSV files of ``results/<experiment>/tables``. A
        claim whose tables are missing is not testable.

    Returns
    -------
    pandas.DataFrame
        One row a claim: ``claim``, ``of`` (the paper, or a check of ours), ``sentence``, ``test``,
        ``effect`` with its 95 % interval ``effect_low`` to ``effect_high`` (NaN where nothing is
        sampled) and ``unit``, the number of ``cases`` and the least number of ``images`` of one,
        ``verdict`` (reproduced, partly, not, not testable here) and ``reason``.

    Examples
    --------
    >>> from intriguing.claims import evaluate
    >>> set(evaluate({})["verdict"])
    {'not testable here'}
    """
    rows = []
    for claim in CLAIMS:
        missing = [name for name in claim.tables if name not in tables]
        if missing:
            finding = untestable(f"the experiment has no {' and no '.join(missing)}")
        else:
            finding = claim.judge(tables)
        rows.append(
            {
                "claim": claim.name,
                "of": "ours" if claim.ours else "paper",
                "sentence": claim.sentence,
                "test": claim.test,
                "effect": finding.effect.value,
                "effect_low": finding.effect.low,
                "effect_high": finding.effect.high,
                "unit": finding.unit,
                "cases": finding.cases,
                "images": finding.images,
                "verdict": finding.verdict,
                "reason": finding.reason,
            }
        )
    return pandas.DataFrame(rows)
