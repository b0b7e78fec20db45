"""The Lipschitz constant of local response normalisation (LRN) across channels.

For windows of an odd number of channels it is k^-beta, attained at 0, for every beta up to 5: the
proof is in docs/response_norm.md, and ends in two inequalities in two real numbers, which
`_verified` checks on boxes. For other windows there is a bound by Schur's test.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from intriguing.errors import BoundError
from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.rounding import power_of

UP, DOWN = 1 + 1e-12, 1 - 1e-15
# what a comparison of boxes gives away for rounding: numpy's exp and log are right to a few 1e-16
SLACK = 1e-9
# free numbers of the proof: gamma of its second lemma; kappa_0, nu and lambda of its fourth step
GAMMA = 2 / 3
SHARE, RISE, WEIGHT = 0.14, 0.86, 1.5
# widths of the cells, in logarithms, in turn until the boxes are small enough
WIDTHS, MOST_CELLS = (0.1, 0.05, 0.025, 0.0125), 1700
# betas below the first are verified together; above the second there are no boxes to try
TINY, LARGEST = 0.02, 50.0
# Schur's test: boxes an axis, and where a bound in closed form takes over
BOXES, FARTHEST = 600, 60.0


def lrn_bounds(*, size: int, alpha: float, beta: float, k: float, channels: int) -> Bounds:
    """Local response normalisation across channels: y_i = x_i / (k + alpha sum_j x_j^2)^beta.

    The sum runs over ``size`` neighbouring channels, including channel i.

    Parameters
    ----------
    size : int
        Channels of a window.
    alpha : float
        Factor of the *plain* sum of squares (torch.nn.LocalResponseNorm divides its own by
        ``size``).
    beta, k : float
        Positive.
    channels : int

    Returns
    -------
    Bounds
        ``lower`` is k^-beta, the Jacobian at 0. For an odd ``size`` and beta up to 5 ``upper`` is
        the same up to rounding, otherwise larger, for long even windows up to twice as large; it
        does not depend on alpha.

    Raises
    ------
    BoundError
        If a number is out of its range.

    Examples
    --------
    >>> bounds = lrn_bounds(size=5, alpha=1e-4, beta=0.75, k=2, channels=96)
    >>> round(bounds.lower, 4), round(bounds.upper, 4)
    (0.5946, 0.5946)
    """
    if size < 1 or channels < 1:
        raise BoundError(f"size is {size} and channels {channels}: give at least 1")
    if not k > 0 or not 0 <= beta < math.inf or not 0 <= alpha < math.inf:
        raise BoundError(
            f"k is {k}, beta {beta}, alpha {alpha}: give a positive k, and for the others finite"
            " numbers of at least 0"
        )
    at_zero = power_of(k, -beta) * DOWN
    if alpha == 0 or beta == 0:
        return Bounds(at_zero, at_zero * UP)
    others = min(size, channels) - 1
    norm, method = _by_schur(beta, others, size % 2 == 1), "Schur's test"
    if size % 2:
        excess = _least_excess(float(beta))
        if 1 + excess <= norm:
            norm, method = 1 + excess, "boxes"
    return Bounds(at_zero, at_zero * max(norm, 1.0) * UP, method=method)


@cache
def _least_excess(beta: float) -> float:
    """An epsilon such that the norm is at most (1 + epsilon) k^-beta for odd windows: mostly 0."""
    if beta > LARGEST:
        return math.inf
    low, high = (0.0, TINY) if beta <= TINY else (beta, beta)
    least = math.inf
    for width in WIDTHS:
        least = min(least, _excess(low, high, width))
        if least == 0:
            break
    return least


def _excess(low: float, high: float, width: float) -> float:
    """An epsilon for all beta between two, 0 if the boxes verify both inequalities.

    Names as in docs/response_norm.md, step 6. Rows are cells of s, columns cells of t, on a
    geometric grid of s - 1 whose last cell is infinite.
    """
    edges = _edges(low, high, width)
    if len(edges) > MOST_CELLS:
        return math.inf
    logs = np.log1p(edges)
    cells = len(edges) - 1
    phi = np.exp(-(low + 1) * logs)
    eta = np.append(np.tanh(high * logs[1:] / 2), 1.0)
    share_low = SHARE - RISE * np.expm1(-low * logs)
    share_high = np.append(SHARE - RISE * np.expm1(-high * logs[1:]), SHARE + RISE)
    ends = np.append(logs[1:], np.inf)
    s_low, s_high, t_low, t_high = logs[:cells, None], ends[:cells, None], logs[None], ends[None]

    def terms(rho_low: np.ndarray, rho_high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gap, difference, total = (1 - rho_low) ** 2, 1 - rho_low**2, 1 + rho_high**2
        return gap + WEIGHT * difference * eta, difference / WEIGHT + total * eta

    # t is the smaller: rho = (t / s)^((beta + 1) / 2)
    rho_low = np.exp(-(high + 1) / 2 * np.maximum(s_high - t_low, 0))
    rho_high = np.exp(-(low + 1) / 2 * np.maximum(s_low - t_high, 0))
    kappa = share_low + (1 - share_low) * rho_low
    of_a, of_c = terms(rho_low, rho_high)
    smaller = phi * (of_a / kappa + GAMMA * rho_high), phi * of_c / kappa
    # t is the larger: rho = (s / t)^((beta + 1) / 2)
    rho_low = np.exp(-(high + 1) / 2 * np.maximum(t_high - s_low, 0))
    rho_high = np.exp(-(low + 1) / 2 * np.maximum(t_low - s_high, 0))
    kappa = share_high[:cells, None] + (1 - share_high[:cells, None]) * rho_high
    of_a, of_c = terms(rho_low, rho_high)
    first = phi[:cells, None]
    larger = first * (kappa * of_a + GAMMA * rho_high), first * kappa * of_c

    # what epsilon adds: epsilon / beta to the first inequality, that times eta to the second
    gains = (1 / high, np.tanh(high * logs[1:] / 2) / high)
    row, column = np.arange(cells)[:, None], np.arange(cells + 1)[None]
    worst = 0.0
    for t_smaller, t_larger, gain in zip(smaller, larger, gains, strict=True):
        cost = np.where(column < row, t_smaller, np.where(column > row, t_larger, 0.0))
        diagonal = np.maximum(t_smaller, t_larger)
        cost[np.arange(cells), np.arange(cells)] = diagonal[np.arange(cells), np.arange(cells)]
        over = _over_finite(np.maximum.accumulate(cost[:, ::-1], axis=1)[:, ::-1], edges, high)
        if low != high:
            over = np.where(over > 0, np.inf, 0.0)
        worst = max(worst, (np.maximum(over, 0) * edges[1:] / gain).max())
    if max(_over_infinite(edges, low, high)) > 0:
        return math.inf
    return float(worst) * (1 + SLACK)


def _edges(low: float, high: float, width: float) -> np.ndarray:
    """Ends of the cells of s - 1: at the last one s^-beta and s^(-(beta + 1) / 2) are small."""
    end = -math.log(min(0.05, 0.1 / high)) / max(low, 1e-300)
    last = math.expm1(max(min(end, 90.0), 10 / (1 + low)))
    first = width / (1 + high)
    number = math.ceil(math.log(last / first) / width) + 1
    steps = np.linspace(0, math.log(last / first), number)
    return np.concatenate([[0.0], first * np.exp(steps)])


def _over_finite(majorant: np.ndarray, edges: np.ndarray, high: float) -> np.ndarray:
    """By how much the left side exceeds the right one for s in each finite cell, over s - 1."""
    cells = len(majorant)
    low, up = edges[:cells, None], edges[1:, None]
    # the lighter clique, of Q in the cell of the column: a share x of s - 1, at most half of it
    share = np.minimum(0.5, edges[None, 1:] / np.maximum(low, edges[1] / 9))
    rest = np.maximum(low / 2, low - edges[None, 1:]) * (1 - 1e-12)
    heavy = np.searchsorted(edges, rest, side="right") - 1
    possible = edges[None, :cells] <= up / 2 * (1 + 1e-12)
    heavier = majorant[np.arange(cells)[:, None], heavy]
    mean = heavier + share * np.maximum(majorant[:, :cells] - heavier, 0)
    # (1 - s^-beta) / (beta (s - 1)) falls with s and with beta
    budget = -np.expm1(-high * np.log1p(edges[1:])) / (high * edges[1:])
    return np.where(possible, mean, 0).max(axis=1) * (1 + SLACK) - budget * (1 - SLACK)


def _over_infinite(edges: np.ndarray, low: float, high: float) -> list[float]:
    """The same for s beyond the grid, where the lighter clique is arbitrary; both inequalities."""
    logs = np.log1p(edges)
    start = logs[-1]
    phi = np.exp(-(low + 1) * logs)
    eta = np.tanh(high * logs[1:] / 2)
    shares = SHARE - RISE * np.expm1(-low * logs)
    rho = np.exp(-(low + 1) / 2 * np.maximum(start - logs[1:], 0))
    costs = (
        phi[:-1] * ((1 + WEIGHT * eta) / shares[:-1] + GAMMA * rho),
        phi[:-1] * (1 / WEIGHT + (1 + rho**2) * eta) / shares[:-1],
    )
    ends = ((1 + WEIGHT) / shares[-1] + GAMMA, (1 / WEIGHT + 2) / shares[-1])
    # the heavier clique has at least half of s - 1
    half = np.searchsorted(edges, edges[-1] / 2 * (1 - 1e-12), side="right") - 1
    over = []
    for cost, end in zip(costs, ends, strict=True):
        cost = np.append(cost, phi[-1] * end)
        side = edges[1:] * np.maximum.accumulate(cost[::-1])[::-1][:-1]
        beyond = math.exp(-low * start) * end
        both = max(side.max(), beyond) + max(side[half:].max(), beyond)
        over.append(both * (1 + SLACK) + math.expm1(-high * start) / high * (1 - SLACK))
    return over


def _by_schur(beta: float, others: int, odd: bool) -> float:
    """A bound of the norm, in units of k^-beta, by Schur's test.

    With u = x sqrt(alpha / k), s_i = 1 + sum_j u_j^2, the Jacobian is k^-beta times

        J_ij = s_i^-beta (delta_ij - 2 beta u_i u_j / s_i   where j is in the window of i).

    Its norm is at most sqrt(R C), R and C the largest sums of magnitudes of a row and a column
    (Schur's test). Write y = |u_i|, Q for the sum of u_j^2 over the other n - 1 channels; by Cauchy
    the row has at most

        s^-beta (|1 - 2 beta y^2 / s| + 2 beta y sqrt((n - 1) Q) / s),    s = 1 + y^2 + Q.

    In the column of j, s_i >= 1 + u_i^2 + u_j^2, and t (1 + t^2 + y^2)^-(beta + 1) is concave in
    t^2 up to its maximum, so that by Jensen all |u_i| may be taken as equal. Either is a function
    of two numbers, bounded from above on a grid of boxes by monotonicity.
    """
    # an even window reaches further on one side: even windows are not symmetric
    return math.sqrt(_row_sum(beta, others) * _column_sum(beta, others, odd))


_Grid = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _grid() -> _Grid:
    """Boxes of (y, q) = (|u_i|, root mean square of the others), as their lower and upper ends."""
    # finer near 0, where the maxima are
    edges = FARTHEST * (np.linspace(0, 1, BOXES + 1) ** 3)
    low, high = edges[:-1], edges[1:]
    return low[:, None], high[:, None], low[None], high[None]


def _diagonal(
    beta: float,
    y_low: np.ndarray,
    y_high: np.ndarray,
    rest_low: np.ndarray,
    rest_high: np.ndarray,
) -> np.ndarray:
    """Upper bound of s^-beta |1 - 2 beta y^2 / s| on boxes; rest: sum of the others' squares."""
    least = 1 + y_low**2 + rest_low
    # y^2 / s grows with y and falls with the rest
    share_low = y_low**2 / (1 + y_low**2 + rest_high)
    share_high = y_high**2 / (1 + y_high**2 + rest_low)
    size = np.maximum(np.abs(1 - 2 * beta * share_low), np.abs(1 - 2 * beta * share_high))
    return least**-beta * size


@cache
def _row_sum(beta: float, others: int) -> float:
    y_low, y_high, q_low, q_high = _grid()
    rest_low, rest_high = others * q_low**2, others * q_high**2
    least = 1 + y_low**2 + rest_low
    # sum of the others' magnitudes by Cauchy: sqrt(n - 1) sqrt(Q) = (n - 1) q
    cross = 2 * beta * y_high * others * q_high / least ** (beta + 1)
    inside = (_diagonal(beta, y_low, y_high, rest_low, rest_high) + cross).max()
    # beyond, in y or q: s > FARTHEST^2, shares at most 1, and 2 y sqrt(Q) <= s
    beyond = FARTHEST ** (-2 * beta) * (max(1.0, 2 * beta - 1) + beta * math.sqrt(max(others, 1)))
    return max(inside, beyond)


@cache
def _column_sum(beta: float, others: int, mutual: bool) -> float:
    y_low, y_high, q_low, q_high = _grid()
    rest_low, rest_high = others * q_low**2, others * q_high**2
    if not mutual:
        # then the other channels in the window of i are not those that have i in theirs
        rest_low, rest_high = np.zeros_like(rest_low), np.full_like(rest_high, np.inf)
    power = beta + 1
    # q / (1 + q^2 + y^2)^power rises with q to its maximum and stays there in the majorant
    floor = 1 + y_low**2
    turning = np.sqrt(floor / (2 * power - 1))
    reached = np.minimum(q_high, turning)
    cross = 2 * beta * y_high * others * reached / (floor + reached**2) ** power
    inside = (_diagonal(beta, y_low, y_high, rest_low, rest_high) + cross).max()
    # beyond in y: 2 y t <= z = y^2 + t^2, and z (1 + z)^-power falls from z = 1 / beta on. Beyond
    # in q: the majorant of the others is at its maximum, as in the last column, the diagonal small
    small = FARTHEST ** (-2 * beta) * max(1.0, 2 * beta - 1) if mutual or not others else 1.0
    z = max(FARTHEST**2, 1 / beta)
    beyond_y = small + beta * others * z * (1 + z) ** -power
    beyond_q = small + cross[:, -1].max()
    return max(inside, beyond_y, beyond_q)
