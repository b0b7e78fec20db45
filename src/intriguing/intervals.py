"""95 % intervals of rates and means over images, and over images and seeds.

Several seeds see the same images, so pooling them would count each image several times. The
variance of a figure is the variance over images, counted once, plus the variance between seeds of
its mean, widened by Student's t for the few seeds there are:

    v = v_images / n + (t / z)^2 * s^2_seeds / seeds
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95


def wilson(errors: float, number: float) -> tuple[float, float]:
    """Wilson score interval (1927) of a rate: (low, high) as fractions; (NaN, NaN) for none."""
    return _wilson(errors / number, number) if number else (math.nan, math.nan)


def rate(errors: Sequence[int], numbers: Sequence[int]) -> tuple[float, float, float]:
    """Rate over seeds with its interval.

    Parameters
    ----------
    errors, numbers : sequences of int
        Errors and images of each seed.

    Returns
    -------
    (float, float, float)
        Rate, low, high as fractions. One seed gives `wilson`; more give a Wilson interval with
        the effective number of images p (1 - p) / v.
    """
    counts, sizes = np.asarray(errors, float), np.asarray(numbers, float)
    if not sizes.sum():
        return math.nan, math.nan, math.nan
    rates = counts[sizes > 0] / sizes[sizes > 0]
    pooled = counts.sum() / sizes.sum()
    images = sizes[sizes > 0].mean()
    between = _between_seeds(rates)
    # Laplace's estimate keeps the variance over images away from 0 where no error was seen
    smooth = (pooled * images + 1) / (images + 2)
    spread = smooth * (1 - smooth)
    effective = spread / (spread / images + between)
    return (pooled, *_wilson(pooled, effective))


def mean(
    means: Sequence[float], deviations: Sequence[float], numbers: Sequence[float]
) -> tuple[float, float, float]:
    """Mean over seeds with its interval.

    Parameters
    ----------
    means, deviations, numbers : sequences of float
        Mean over images, sample standard deviation and number of images of each seed. Seeds weigh
        the same.

    Returns
    -------
    (float, float, float)
        Mean, low, high; NaN bounds where there are fewer than two images.
    """
    of_seeds, spreads = np.asarray(means, float), np.asarray(deviations, float)
    sizes = np.asarray(numbers, float)
    if not len(of_seeds):
        return math.nan, math.nan, math.nan
    centre, images = of_seeds.mean(), sizes.mean()
    if images < 2:
        return centre, math.nan, math.nan
    over_images = (spreads**2).mean() / images * (_t(images - 1) / _z()) ** 2
    reach = _z() * math.sqrt(over_images + _between_seeds(of_seeds))
    return centre, centre - reach, centre + reach


def _between_seeds(values: np.ndarray) -> float:
    seeds = len(values)
    if seeds < 2:
        return 0.0
    factor = _t(seeds - 1) / _z()
    return factor**2 * values.var(ddof=1) / seeds


def _z() -> float:
    return NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


def _t(freedom: float) -> float:
    # has the quantiles of scipy.stats, which takes twice as long to import; most jobs need neither
    from scipy import special

    return special.stdtrit(freedom, 0.5 + CONFIDENCE / 2)


def _wilson(p: float, n: float) -> tuple[float, float]:
    z = _z()
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # exact at the ends, where rounding would leave a remainder
    low = 0.0 if p == 0 else max(0.0, centre - reach)
    return low, 1.0 if p == 1 else min(1.0, centre + reach)
