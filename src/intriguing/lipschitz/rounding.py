"""Rounding in float64: its unit, and numbers rounded outwards. Nothing here imports torch."""

from __future__ import annotations

import math
import sys

from intriguing.errors import BoundError

UNIT = sys.float_info.epsilon / 2
"""Largest relative error of one operation in float64, 2^-53."""


def outwards(factor: float, lower: float, upper: float) -> tuple[float, float]:
    """An interval times a factor, rounded outwards: the ends may be denormal numbers."""
    low, high = factor * lower, factor * upper
    return max(0.0, math.nextafter(low, -math.inf)), math.nextafter(high, math.inf)


def power_of(base: float, exponent: float) -> float:
    """A power of a positive number, which must be one of float64.

    Raises
    ------
    BoundError
        If it is too large or too small.
    """
    try:
        power = float(base) ** exponent
    except OverflowError:
        power = math.inf
    if not 0 < power < math.inf:
        raise BoundError(
            f"{base:g}^{exponent:g} is beyond the numbers of float64: rescale the layer"
        )
    return power


def root_of(number: int) -> float:
    """Square root of a whole number, rounded up."""
    root = math.isqrt(number)
    return float(root) if root * root == number else math.nextafter(math.sqrt(number), math.inf)
