"""Evaluation of the claims on the tables of one experiment."""

from __future__ import annotations

from collections.abc import Mapping

import pandas

from intriguing.claims.findings import Finding, untestable
from intriguing.claims.paper import CLAIMS, Claim


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
        finding = _judged(claim, tables)
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


def cases(tables: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """What was found in each case of each claim: the dots of its picture.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As for `evaluate`.

    Returns
    -------
    pandas.DataFrame
        One row a case: ``claim``; ``value`` with its 95 % interval ``low`` to ``high`` (NaN where
        nothing is sampled) and ``axis``, what it is; ``line``, what it is compared with, and
        ``line_is``, what that is called; ``log``: values are ratios. Claims that are
        not testable have no rows.
    """
    columns = ["claim", "value", "low", "high", "line", "line_is", "axis", "log"]
    rows = [
        (claim.name, case.value, case.low, case.high, *claim.line, claim.axis, claim.log)
        for claim in CLAIMS
        for case in _judged(claim, tables).effects
    ]
    return pandas.DataFrame(rows, columns=columns)


def _judged(claim: Claim, tables: Mapping[str, pandas.DataFrame]) -> Finding:
    missing = [name for name in claim.tables if name not in tables]
    if missing:
        return untestable(f"the experiment has no {' and no '.join(missing)}")
    return claim.judge(tables)
