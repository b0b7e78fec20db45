"""Which images belong to which part of a data set: always index arrays, always seeded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def stratified_test(
    labels: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split indices into training and test with the same class frequencies.

    Parameters
    ----------
    labels : int array (N,)
    fraction : float
        Share of each class that goes to the test set.

    Returns
    -------
    (int array, int array)
        Sorted indices of the training and of the test images.
    """
    generator = np.random.default_rng([seed, 0])
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = round(fraction * len(members))
        chosen[generator.permutation(members)[:count]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def random_test(number: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split ``number`` indices into training and test, whatever the classes.

    Returns
    -------
    (int array, int array)
        Sorted indices of the training and of the test images, which are
        ``round(fraction * number)``.
    """
    order = np.random.default_rng([seed, 3]).permutation(number)
    count = round(fraction * number)
    return np.sort(order[count:]), np.sort(order[:count])


def held_out_test(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split indices into training and test: stratified, unless that leaves no test image.

    With one image a class, say, no class is large enough to give one up; the test set then is
    drawn from all images alike.

    Parameters, returns : as of `stratified_test`.
    """
    train, test = stratified_test(labels, fraction, seed)
    return (train, test) if len(test) else random_test(len(labels), fraction, seed)


def disjoint_parts(number: int, names: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """Cut ``number`` images into disjoint random parts of equal size, one for each name.

    The paper's P1 and P2 are the two halves of MNIST's training set. Images left over by the
    division belong to no part.
    """
    order = np.random.default_rng([seed, 1]).permutation(number)
    size = number // max(1, len(names))
    return {name: np.sort(order[i * size : (i + 1) * size]) for i, name in enumerate(names)}


def sample(number: int, count: int, seed: int, allowed: np.ndarray | None = None) -> np.ndarray:
    """``count`` of ``number`` indices at random, sorted; a larger count contains a smaller one.

    Parameters
    ----------
    allowed : bool array (number,), optional
        Only these are drawn, in the order in which they would be drawn without it, so that the
        samples with and without a restriction share as many images as they can.
    """
    order = np.random.default_rng([seed, 2]).permutation(number)
    if allowed is not None:
        order = order[allowed[order]]
    return np.sort(order[:count])
