"""Rounding in float64: its unit, and numbers rounded outwards. Nothing here imports torch."""

from __future__ import annotations

import math
import sys

UNIT = sys.float_info.epsilon / 2
"""Largest relative error of one operation in float64, 2^-53."""


def outwards(factor: float, lower: float, upper: float) -> tuple[float, float]:
    """An interval times a factor, rounded outwards: the ends may be denormal numbers."""
    low, high = factor * lower, factor * upper
    return max(0.0, math.nextafter(low, -math.inf)), math.nextafter(high, math.inf)


def root_of(number: int) -> float:
    """Square root of a whole number, rounded up."""
    root = math.isqrt(number)
    return float(root) if root * root == number else math.nextafter(math.sqrt(number), math.inf)
