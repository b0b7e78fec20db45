"""What an experiment found, in sentences for a reader who does not know the paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas

from intriguing.claims.findings import NOT, PARTLY, REPRODUCED, UNTESTABLE

WORDS = {
    REPRODUCED: "reproduced",
    PARTLY: "reproduced in part",
    NOT: "not reproduced",
    UNTESTABLE: "not tested here",
}
"""Verdicts as the page has them."""

UNDECIDED = "not decided here"
"""The interval of the effect holds both: the claim is neither reproduced nor contradicted."""


def findings(tables: Mapping[str, pandas.DataFrame]) -> list[str]:
    """The main results as sentences.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tidy tables by name: ``claims``, ``distortion``, ``table1`` and ``table2``.
    """
    sets = tables["distortion"]
    attacked, found = int(sets["success_n"].sum()), int(sets["success_count"].sum())
    if not attacked:
        return ["No image was attacked: the models classify none of them correctly."]
    every = "every one of" if found == attacked else f"{found:,} of"
    sentences = [
        f"A change that makes a network err was found in {every} {attacked:,} attempts,"
        " counting an image once for each network, seed and attack."
    ]
    distortion = tables["table1"]["distortion"].dropna()
    if len(distortion):
        sentences.append(
            f"On average the change is {_between(distortion)} per pixel, depending on the network"
            " (root mean square; 1 is the difference of black and white)."
        )
    cells = tables["table2"]
    others = cells[(cells["made_for"] != cells["target"]) & cells["comparable"]]
    others = others[(others["matched_noise_n"] > 0) & (others["error_n"] > 0)]
    if len(others):
        errors, noise = others["error_percent"].mean(), others["matched_noise_percent"].mean()
        sentences.append(
            f"The same changed images make other networks err in {errors:.1f} % of the cases on"
            f" average, random noise of the same size in {noise:.1f} %{_difference(tables)}."
        )
    return sentences


def _difference(tables: Mapping[str, pandas.DataFrame]) -> str:
    """The interval of what transfers, and whether it leaves open that nothing does."""
    claims = tables["claims"].set_index("claim")
    effect, low, high = (
        claims.at["across models", f"effect{end}"] for end in ("", "_low", "_high")
    )
    if pandas.isna(low):
        return ""
    unknown = ", which leaves open whether they differ" if low <= 0 <= high else ""
    return f" ({effect:.1f} points more, 95 % interval {low:.1f} to {high:.1f}{unknown})"


def words(claim: Mapping[Any, Any]) -> str:
    """The verdict on a claim, a row of the table of claims, as the page has it."""
    verdict = claim["verdict"]
    if verdict == NOT and claim["effect_low"] <= 0 <= claim["effect_high"]:
        return UNDECIDED
    return WORDS[verdict]


def counts(claims: pandas.DataFrame) -> str:
    """How many claims have which verdict, in a sentence."""
    numbers = Counter(words(claim) for claim in claims.to_dict("records"))
    order = [WORDS[REPRODUCED], WORDS[PARTLY], WORDS[NOT], UNDECIDED, WORDS[UNTESTABLE]]
    return f"{', '.join(f'{numbers[one]} {one}' for one in order if numbers[one])}."


def _between(values: pandas.Series) -> str:
    low, high = (f"{value:.2g}" for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"
