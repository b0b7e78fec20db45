"""The proof that LRN has the constant k^-beta, step by step on random activations.

Names are those of docs/response_norm.md. Nothing here uses boxes but the last test.
"""

import math

import numpy as np
import pytest

from intriguing.lipschitz import lrn, lrn_bounds

BETAS = (0.1, 0.5, 0.75, 1.0, 2.0, 5.0)


def activations(seed):
    """u with large ratios between neighbours, the windows, s, and beta."""
    drawn = np.random.default_rng(seed)
    channels, reach = drawn.integers(1, 30), drawn.integers(1, 6)
    u = drawn.standard_normal(channels) * 10.0 ** drawn.uniform(-3, 1.5)
    u *= 10.0 ** (drawn.uniform(-2, 2) * drawn.random(channels)) + 1e-9
    places = np.arange(channels)
    near = (np.abs(places[:, None] - places) <= reach).astype(float)
    return u, near, 1 + near @ u**2, BETAS[seed % len(BETAS)], drawn


def jacobian(u, near, s, beta):
    return s[:, None] ** -beta * (np.eye(len(u)) - 2 * beta * np.outer(u, u) * near / s[:, None])


def eta(s, beta):
    return np.tanh(beta * np.log(s) / 2)


def costs(s, t, beta):
    """A and C of step 4."""
    poor, rich = np.minimum(s, t), np.maximum(s, t)
    rho = (poor / rich) ** ((beta + 1) / 2)
    share = lrn.SHARE + lrn.RISE * (1 - poor**-beta)
    kappa = share + (1 - share) * rho
    mu = np.where(s <= t, kappa, 1 / kappa)
    gap, difference, total = (1 - rho) ** 2, 1 - rho**2, 1 + rho**2
    phi = poor ** (-beta - 1)
    of_a = phi * (mu * (gap + lrn.WEIGHT * difference * eta(t, beta)) + lrn.GAMMA * rho)
    return of_a, phi * mu * (difference / lrn.WEIGHT + total * eta(t, beta))


def test_no_jacobian_has_a_larger_norm_than_at_zero():
    largest = 0.0
    for seed in range(1500):
        u, near, s, beta, _ = activations(seed)
        largest = max(largest, np.linalg.norm(jacobian(u, near, s, beta), 2))
    assert 0.999 < largest <= 1 + 1e-12


def test_the_bilinear_form():
    for seed in range(200):
        u, near, s, beta, drawn = activations(seed)
        x, y = drawn.standard_normal((2, len(u)))
        a, c = (x + y) / 2, (x - y) / 2
        w, z, tau = u * a, u * c, s ** (-beta - 1)
        form = (1 - s**-beta) / beta @ a**2 + (1 + s**-beta) / beta @ c**2
        sums, differences = tau[:, None] + tau, tau[:, None] - tau
        form += w @ (near * sums) @ w - z @ (near * sums) @ z + 2 * z @ (near * differences) @ w
        expected = (a @ a + c @ c - x @ jacobian(u, near, s, beta) @ y) / beta
        assert form == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_part_with_signs():
    for seed in range(400):
        u, near, s, beta, drawn = activations(seed)
        p, m = np.maximum(drawn.standard_normal((2, len(u))), 0)
        assert p @ near @ m <= p @ near @ p + m @ near @ m + 1e-12
        root = s ** (-(beta + 1) / 2)
        weighted = near * np.outer(root, root)
        # a' (2 U S K S U + gamma diag) a, scaled so that the diagonal is about 1
        diagonal = lrn.GAMMA * (weighted @ u**2)
        scale = 1 / np.sqrt(diagonal)
        matrix = 2 * np.outer(u * scale, u * scale) * weighted + np.eye(len(u))
        assert np.linalg.eigvalsh(matrix)[0] >= -1e-9


def test_the_rest_pair_by_pair():
    for seed in range(600):
        u, near, s, beta, _ = activations(seed)
        of_a, of_c = costs(s[:, None], s[None], beta)
        budget = (1 - s**-beta) / beta
        assert ((near * of_a) @ u**2 <= budget * (1 + 1e-12)).all()
        assert ((near * of_c) @ u**2 <= budget * (1 + 1e-12)).all()


@pytest.mark.parametrize("beta", BETAS)
def test_the_two_inequalities_at_points(beta):
    drawn = np.random.default_rng(1)
    power = 10.0 ** drawn.uniform(-4, 8, 100_000)
    lighter = power * drawn.uniform(0, 0.5, power.shape)
    for which in (0, 1):
        left = 0.0
        for part in (lighter, power - lighter):
            # the majorant is at least this
            left = left + part * costs(1 + power, 1 + part, beta)[which]
        assert (left <= (1 - (1 + power) ** -beta) / beta * (1 + 1e-9)).all()


@pytest.mark.parametrize("beta", [*BETAS, 1e-3, 0.02, 4.2, 4.9])
def test_odd_windows_have_the_constant_that_is_attained(beta):
    for size in (1, 3, 5, 9, 31):
        bounds = lrn_bounds(size=size, alpha=1e-4, beta=beta, k=2.0, channels=96)
        assert bounds.lower == pytest.approx(2.0**-beta, rel=1e-12)
        assert bounds.upper <= bounds.lower * (1 + 1e-11)


@pytest.mark.parametrize("beta", [6.0, 10.0, 60.0])
def test_beyond_there_is_a_bound_of_some_percent(beta):
    bounds = lrn_bounds(size=5, alpha=1.0, beta=beta, k=1.0, channels=20)
    assert 1 < bounds.upper <= 1.3


@pytest.mark.parametrize("weights", [(0.1, 0.2, 1.5), (0.6, 0.4, 0.7), (0.14, 0.86, 6.0)])
def test_boxes_find_what_points_find(monkeypatch, weights):
    """With worse weights the inequalities fail, and the boxes must not say less than points do."""
    for name, value in zip(("SHARE", "RISE", "WEIGHT"), weights, strict=True):
        monkeypatch.setattr(lrn, name, value)
    drawn = np.random.default_rng(2)
    failed = 0
    for beta in (0.75, 2.0, 5.0):
        power = 10.0 ** drawn.uniform(-3, 4, 50_000)
        lighter = power * drawn.uniform(0, 0.5, power.shape)
        needed = 0.0
        for which, gain in enumerate((1 / beta, eta(1 + power, beta) / beta)):
            left = sum(q * costs(1 + power, 1 + q, beta)[which] for q in (lighter, power - lighter))
            over = left - (1 - (1 + power) ** -beta) / beta
            needed = max(needed, (over / gain).max())
        failed += needed > 0
        assert lrn._excess(beta, beta, 0.05) >= needed or math.isclose(needed, 0, abs_tol=1e-12)
    assert failed
