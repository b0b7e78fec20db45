"""What a test of a claim gives: an effect with its interval, and the verdict that follows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas

REPRODUCED, PARTLY, NOT, UNTESTABLE = "reproduced", "partly", "not", "not testable here"
VERDICTS = (REPRODUCED, PARTLY, NOT, UNTESTABLE)

MOST = 0.9
"""Share of the cases that must show an effect for a claim about all of them to be reproduced."""


@dataclass(frozen=True)
class Effect:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Finding:
    """Outcome of one test.

    effect : Effect
        NaN bounds where it is exact and no sample.
    unit : str
        What the effect is, with its unit.
    cases, images : int
        How many models, pairs or layers were compared, and the least number of images of one.
    verdict : str
        One of `VERDICTS`.
    reason : str
        What decided.
    """

    effect: Effect
    unit: str
    cases: int
    images: int
    verdict: str
    reason: str


def untestable(reason: str) -> Finding:
    """A claim that the experiment has nothing to test with."""
    nothing = Effect(math.nan, math.nan, math.nan)
    return Finding(nothing, "", 0, 0, UNTESTABLE, reason)


def estimate(rows: pandas.DataFrame, name: str) -> list[Effect]:
    """Column ``name`` with its interval, as `report.cells` writes rates and means."""
    value = f"{name}_percent" if f"{name}_percent" in rows else name
    columns = (rows[value], rows[f"{name}_low"], rows[f"{name}_high"])
    return [Effect(*numbers) for numbers in zip(*columns, strict=True)]


def difference(first: Effect, second: Effect) -> Effect:
    """first - second, with the interval that recovers variances from theirs.

    MOVER (Zou & Donner 2008; for rates Newcombe 1998, method 10). On the same images, where errors
    go together, it is wider than need be.
    """
    value = first.value - second.value
    down = math.hypot(first.value - first.low, second.high - second.value)
    up = math.hypot(first.high - first.value, second.value - second.low)
    return Effect(value, value - down, value + up)


def average(effects: Sequence[Effect]) -> Effect:
    """Mean of several effects.

    Its interval is the mean of theirs: it holds however they depend on each other, as they do where
    they rest on the same images.
    """
    number = len(effects)
    ends = zip(*((e.value, e.low, e.high) for e in effects), strict=True)
    return Effect(*(sum(end) / number for end in ends))


def in_all(effects: Sequence[Effect]) -> tuple[str, str]:
    """Verdict on a claim that says of every case that its effect is positive.

    Reproduced: the interval lies above 0 in at least `MOST` of the cases, and below 0 in none.
    Partly: so does the interval of the average, and in more cases it lies above 0 than below. Not:
    otherwise.

    Returns
    -------
    (str, str)
        The verdict, and the counts that led to it.
    """
    above, below = sum(e.low > 0 for e in effects), sum(e.high < 0 for e in effects)
    counts = f"{above} of {len(effects)} above 0, {below} below"
    if above >= MOST * len(effects) and not below:
        return REPRODUCED, counts
    return (PARTLY if average(effects).low > 0 and above > below else NOT), counts


def least(numbers: Iterable[float]) -> int:
    """The smallest of some numbers of images."""
    return int(min(numbers))
