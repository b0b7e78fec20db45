import math

import numpy as np
import pytest
from scipy.stats import binomtest, t

from intriguing import intervals


@pytest.mark.parametrize(("errors", "number"), [(0, 10), (3, 10), (10, 10), (17, 256), (500, 1000)])
def test_wilson_against_scipy(errors, number):
    expected = binomtest(errors, number).proportion_ci(method="wilson")
    assert intervals.wilson(errors, number) == pytest.approx((expected.low, expected.high))
    centre, low, high = intervals.rate([errors], [number])
    assert centre == errors / number
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_nothing_observed_gives_no_interval():
    assert all(math.isnan(x) for x in intervals.wilson(0, 0))
    assert all(math.isnan(x) for x in intervals.rate([], []))


def test_seeds_that_agree_count_each_image_once():
    expected = binomtest(30, 200).proportion_ci(method="wilson")
    assert intervals.rate([30, 30, 30], [200] * 3)[1:] == pytest.approx(
        (expected.low, expected.high)
    )


def test_seeds_that_differ_widen_the_interval():
    agreeing, differing = (intervals.rate(e, [200] * 3) for e in ([30, 30, 30], [20, 30, 40]))
    assert differing[0] == agreeing[0]
    assert differing[1] < agreeing[1] and differing[2] > agreeing[2]


@pytest.mark.parametrize("number", [2, 5, 400])
def test_mean_of_one_seed_is_students_interval(number):
    sample = np.random.default_rng(0).normal(3, 2, number)
    _, low, high = intervals.mean([sample.mean()], [sample.std(ddof=1)], [number])
    expected = t.interval(0.95, number - 1, sample.mean(), sample.std(ddof=1) / math.sqrt(number))
    assert (low, high) == pytest.approx(expected)


def test_one_image_or_none_has_no_interval():
    assert all(math.isnan(x) for x in intervals.mean([0.1], [math.nan], [1])[1:])
    assert all(math.isnan(x) for x in intervals.mean([], [], []))


def test_mean_over_seeds_without_spread_over_images_is_students_interval():
    means = [1.0, 1.2, 1.1]
    _, low, high = intervals.mean(means, [0, 0, 0], [100] * 3)
    expected = t.interval(0.95, 2, np.mean(means), np.std(means, ddof=1) / math.sqrt(3))
    assert (low, high) == pytest.approx(expected)


def test_coverage_by_simulation():
    # 3 models with rates of their own on the same 100 images: the interval holds its promise
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        truth = np.clip(generator.normal(0.3, 0.05, 3), 0, 1)
        images = generator.random(100)  # an image's difficulty is common to the models
        errors = [(images < rate).sum() for rate in truth]
        _, low, high = intervals.rate(errors, [100] * 3)
        held += low <= 0.3 <= high
    assert held / 400 >= 0.93
