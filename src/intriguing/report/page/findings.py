"""What an experiment found, in sentences for a reader who does not know the paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas

from intriguing.claims.findings import NOT, PARTLY, REPRODUCED, UNTESTABLE

WORDS = {
    REPRODUCED: "reproduced",
    PARTLY: "reproduced in part",
    NOT: "not reproduced",
    UNTESTABLE: "not tested here",
}
"""Verdicts as the page has them."""


def findings(tables: Mapping[str, pandas.DataFrame]) -> list[str]:
    """The main results as sentences.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tidy tables by name: ``distortion``, ``table1`` and ``table2``.
    """
    sets = tables["distortion"]
    attacked, found = int(sets["success_n"].sum()), int(sets["success_count"].sum())
    if not attacked:
        return ["No image was attacked: the models classify none of them correctly."]
    every = "every one of" if found == attacked else f"{found:,} of"
    sentences = [f"A change that makes a network err was found in {every} {attacked:,} attempts."]
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
            f"The same changed images also make other networks err, in {errors:.1f} % of the cases"
            f" on average; random noise of the same size does so in {noise:.1f} %."
        )
    return sentences


def counts(claims: pandas.DataFrame) -> str:
    """How many claims have which verdict, in a sentence."""
    numbers = Counter(claims["verdict"])
    parts = [f"{numbers[verdict]} {words}" for verdict, words in WORDS.items() if numbers[verdict]]
    return f"{', '.join(parts)}."


def _between(values: pandas.Series) -> str:
    low, high = (f"{value:.2g}" for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"
