"""How different two families of directions are: an effect with its interval, and a verdict.

The effect is Cliff's delta (1993): the probability that a unit has a larger value than a
direction, minus the probability that it has a smaller one; 0 for families that are alike, 1 or -1
where they do not overlap. Several seeds are several networks, whose deltas are averaged.

The bootstrap draws the directions of each network again. It adds the spread between networks, as
Student's t has it for the few there are: drawing three or five seeds again would understate it.
Part of that spread comes from the directions, so that an interval over several seeds is rather too
wide than too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from intriguing.errors import UnitsError
from intriguing.intervals import CONFIDENCE

# of fewer values a bootstrap says too much: of five, 9 % of the intervals miss; from eight on 5 %
FEWEST = 8
REPEATS = 4000
# numbers that are drawn at once
DRAWN = 1 << 22
# largest |delta| that Romano et al. (2006) call negligible
NEGLIGIBLE = 0.147

Verdict = Literal["units larger", "directions larger", "equivalent", "cannot tell"]


@dataclass(frozen=True)
class Effect:
    """Units against directions of one layer.

    delta : Cliff's delta, averaged over seeds.
    low, high : its 95 % interval, by the percentiles of the bootstrap.
    difference : p-value of no difference, two-sided.
    equivalence : p-value of a difference of the margin or more, either way (two one-sided tests).
    """

    delta: float
    low: float
    high: float
    difference: float
    equivalence: float

    def verdict(self, difference: float | None = None, equivalence: float | None = None) -> Verdict:
        """What the p-values say, or others in their place that are corrected for several layers.

        A difference within the margin is ``equivalent``, even if there certainly is one.
        """
        difference = self.difference if difference is None else difference
        equivalence = self.equivalence if equivalence is None else equivalence
        if equivalence <= 1 - CONFIDENCE:
            return "equivalent"
        if difference <= 1 - CONFIDENCE:
            return "units larger" if self.delta > 0 else "directions larger"
        return "cannot tell"


def compare(
    units: Sequence[Sequence[float]],
    others: Sequence[Sequence[float]],
    *,
    margin: float = NEGLIGIBLE,
    seed: int = 0,
    repeats: int = REPEATS,
) -> Effect:
    """Cliff's delta of the units of a layer against other directions.

    Parameters
    ----------
    units, others : sequences of sequences of float
        A measure of each unit, and of each direction, for each seed.
    margin : float
        Differences below it count as none.
    seed : int
        Of the bootstrap.
    repeats : int

    Returns
    -------
    Effect

    Raises
    ------
    UnitsError
        If a seed has fewer than `FEWEST` units or directions, or a value is not finite.
    """
    if len(units) != len(others) or not 0 < margin < 1 or repeats < 1:
        raise UnitsError(
            f"there are {len(units)} seeds of units and {len(others)} of others, a margin of"
            f" {margin} and {repeats} repeats: give as many of both, a margin between 0 and 1 and"
            " at least one repeat"
        )
    pairs = [
        (np.asarray(first, float), np.asarray(second, float))
        for first, second in zip(units, others, strict=True)
    ]
    if not pairs or min(len(values) for pair in pairs for values in pair) < FEWEST:
        raise UnitsError(f"give at least {FEWEST} units and {FEWEST} directions for each seed")
    if not all(np.isfinite(values).all() for pair in pairs for values in pair):
        raise UnitsError("a measure of a unit or direction is not finite: leave those out")
    generator = np.random.default_rng(seed)
    deltas = np.array([_deltas(*pair, None, 1)[0] for pair in pairs])
    drawn = np.mean([_deltas(*pair, generator, repeats) for pair in pairs], axis=0)
    seeds = len(pairs)
    if seeds > 1:
        spread = deltas.std(ddof=1) / math.sqrt(seeds)
        drawn = drawn + spread * generator.standard_t(seeds - 1, repeats)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Effect(
        deltas.mean(),
        max(low, -1.0),
        min(high, 1.0),
        min(1.0, 2 * min(_share(drawn <= 0), _share(drawn >= 0))),
        max(_share(drawn >= margin), _share(drawn <= -margin)),
    )


def _share(hits: np.ndarray) -> float:
    # as if the sample itself were one of the draws, so that none is impossible
    return (hits.sum() + 1) / (len(hits) + 1)


def _deltas(
    first: np.ndarray,
    second: np.ndarray,
    generator: np.random.Generator | None,
    repeats: int,
) -> np.ndarray:
    """Delta of two samples, or of ``repeats`` samples drawn from each again."""
    values, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    counts = [
        np.bincount(part, minlength=len(values))
        for part in (places[: len(first)], places[len(first) :])
    ]
    found = []
    rows = max(1, DRAWN // len(values))
    for start in range(0, repeats, rows):
        size = min(rows, repeats - start)
        ours, theirs = (
            count[None] if generator is None else _drawn_again(count, size, generator)
            for count in counts
        )
        below = theirs.cumsum(1) - theirs
        wins = (ours * (2 * below + theirs - len(second))).sum(1)
        found.append(wins / (len(first) * len(second)))
    return np.concatenate(found)


def _drawn_again(counts: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    total = counts.sum()
    return generator.multinomial(total, counts / total, size)


def correct(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979), in their order."""
    ordered = np.argsort(values, kind="stable")
    corrected = np.empty(len(values))
    largest = 0.0
    for place, index in enumerate(ordered):
        largest = max(largest, (len(values) - place) * values[index])
        corrected[index] = min(1.0, largest)
    return corrected.tolist()
