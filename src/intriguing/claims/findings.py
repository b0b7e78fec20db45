"""What a test of a claim gives: an effect with its interval, and the verdict that follows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas

REPRODUCED, PARTLY, NOT, UNTESTABLE = "reproduced", "partly", "not", "not testable here"
VERDICTS = (REPRODUCED, PARTLY, NOT, UNTESTABLE)

MOST = 0.5
"""More than this share of the cases must show an effect for a claim about all of them.

The paper's own Table 2, with the interval of 256 images, shows it in 20 of 30 cells, and its
Table 4 in 3 of 4: a rule that the original fails would say nothing of a reproduction.
"""


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
    effects : tuple of Effect
        What was found in each case.
    """

    effect: Effect
    unit: str
    cases: int
    images: int
    verdict: str
    reason: str
    effects: tuple[Effect, ...] = ()


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

    Its interval is the mean of theirs: it holds for estimates that are jointly normal, however they
    are correlated, as they are where they rest on the same images.
    """
    number = len(effects)
    ends = zip(*((e.value, e.low, e.high) for e in effects), strict=True)
    return Effect(*(sum(end) / number for end in ends))


def in_all(effects: Sequence[Effect]) -> tuple[str, str]:
    """Verdict on a claim that says of several cases that their effect is positive.

    Reproduced: the interval of the average lies above 0, that of more than `MOST` of the cases too,
    and none lies below 0. Partly: the interval of the average lies above 0, and more cases lie
    above 0 than below. Not: otherwise.

    Parameters
    ----------
    effects : sequence of Effect
        At least one, all with intervals.

    Returns
    -------
    (str, str)
        The verdict, and the counts that led to it.
    """
    above, below = sum(e.low > 0 for e in effects), sum(e.high < 0 for e in effects)
    counts = f"{above} of {len(effects)} above 0, {below} below"
    mean = average(effects)
    if mean.low > 0 and above > MOST * len(effects) and not below:
        return REPRODUCED, counts
    if mean.low > 0 and above > below:
        return PARTLY, counts
    return NOT, f"{counts}; {'contradicted' if mean.high < 0 else 'neither found nor contradicted'}"


def finding(
    effects: Sequence[Effect], images: Iterable[float], unit: str, note: str = ""
) -> Finding:
    """The finding of `in_all`, with the average as its effect.

    Parameters
    ----------
    effects : sequence of Effect
        One for each case. Those without an interval, from fewer than two images, do not count.
    images : iterable of float
        Number of images of each case.
    unit : str
    note : str
        Added to what decided.
    """
    known = [
        (effect, number)
        for effect, number in zip(effects, images, strict=True)
        if not (math.isnan(effect.low) or math.isnan(effect.high))
    ]
    if not known:
        return untestable("too few images for an interval")
    counted = [effect for effect, _ in known]
    verdict, counts = in_all(counted)
    dropped = len(effects) - len(known)
    words = [counts, note, f"{dropped} left out, with too few images" if dropped else ""]
    reason = "; ".join(word for word in words if word)
    number = least(number for _, number in known)
    return Finding(average(counted), unit, len(known), number, verdict, reason, tuple(counted))


def exact(values: Iterable[float]) -> tuple[Effect, ...]:
    """Effects that are no samples, and so have no intervals."""
    return tuple(Effect(value, math.nan, math.nan) for value in values)


def least(numbers: Iterable[float]) -> int:
    """The smallest of some numbers of images."""
    return int(min(numbers))
