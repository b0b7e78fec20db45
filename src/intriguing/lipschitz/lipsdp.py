"""The tightest constant that one multiplier for each hidden unit gives: LipSDP-Neuron.

Fazlyab et al. 2019, *Efficient and accurate estimation of Lipschitz constants for deep neural
networks* (arXiv 1906.04893), theorem 2, for activations with slopes in [0, 1]: |f(x) - f(y)| is at
most sqrt(rho) |x - y| if for some diagonal T_k >= 0 the matrix with the diagonal blocks

    rho I,  2 T_1,  ...,  2 T_(l-2),  2 T_(l-1) - W_l' W_l

and -T_k W_k below them is positive semidefinite. A Jacobian and its transpose have the same norm,
so the layers may be taken in the other order, the last one first. Of the matrix that results, with
S_k = T_k^-1 multiplied from both sides, the image's block can be eliminated and S still enters
linearly: the diagonal blocks left are

    2 S_1 - W_1 W_1',  2 S_2,  ...,  2 S_(l-1),  rho I

and -W_(k+1) S_k below them.

The answer of SCS is not a proof. But every S > 0 gives a bound, with any rho for which a Cholesky
factorisation proves the matrix positive definite; SCS decides only how tight it is.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy
import torch

from intriguing.errors import BoundError
from intriguing.lipschitz.chain import DenseChain
from intriguing.lipschitz.norms import STEPS_ABOVE
from intriguing.lipschitz.rounding import UNIT

# residuals at which SCS stops, in turn, each time in units in which the last answer is S = I and
# rho = 1; ten times smaller ones cost five times the time for the last 0.3 %
TOLERANCES = (1e-3, 3e-4)
ITERATIONS = 5000
# shares of a definite matrix that are tried in the mixture with what SCS found
SHARES = (1e-8, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
# by how much S grows from layer to layer to make that matrix definite
SPREAD = 1 + 3e-3
# rounding of the root and of the product
UP = 1 + 1e-14


def lipsdp_constant(chain: DenseChain) -> float:
    """Certified Lipschitz constant of the logits by LipSDP-Neuron.

    Parameters
    ----------
    chain : chain.DenseChain

    Returns
    -------
    float
        At most `DenseChain.constant`, and equal to it if SCS fails; for one layer its operator
        norm.

    Raises
    ------
    BoundError
        If there is something to solve and cvxpy or scs is missing.

    See Also
    --------
    intriguing.lipschitz.network_bounds : Calls this if ``lipsdp`` is true.
    """
    simple = chain.constant()
    if len(chain.weights) == 1 or simple == 0:
        return simple
    scales, rho = _of_eclipse(chain.weights)
    for tolerance in TOLERANCES:
        found = _solve(chain.weights, scales, rho, tolerance)
        if found is None:
            break
        scales, rho = _repaired(chain.weights, found, scales, rho)
    return min(simple, chain.factor * math.sqrt(rho) * UP)


def _of_eclipse(weights: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], float]:
    """S and rho by ECLipsE-Fast: S_k is the square of the constant up to there, times I."""
    squares = [
        DenseChain(weights[:length], [(0.0, 1.0)] * (length - 1)).constant() ** 2
        for length in range(1, len(weights) + 1)
    ]
    scales = [
        torch.full((len(weight),), square, dtype=torch.float64)
        for weight, square in zip(weights, squares[:-1], strict=False)
    ]
    return scales, squares[-1]


def _solve(
    weights: Sequence[torch.Tensor], scales: Sequence[torch.Tensor], rho: float, tolerance: float
) -> list[torch.Tensor] | None:
    """The diagonals S_k that SCS finds, none negative; None if it fails.

    Parameters
    ----------
    weights : sequence of float64 Tensor
        Weights of all layers.
    scales, rho : sequence of float64 Tensor, float
        S and rho of about the right size.
    tolerance : float
        Residuals at which SCS stops.
    """
    try:
        import cvxpy
        import scs  # noqa: F401
    except ImportError:
        raise BoundError("LipSDP needs cvxpy and scs: pip install 'intriguing[lipsdp]'") from None
    last = weights[-1]
    if len(last) > last.shape[1]:
        # the same norm on every vector, with fewer rows
        last = torch.linalg.qr(last, mode="r").R
    sizes = [torch.ones(()), *scales, torch.tensor([rho], dtype=torch.float64)]
    units = [size.sqrt() for size in sizes]
    arrays = [
        (weight * before / after.view(-1, 1)).numpy()
        for weight, before, after in zip((*weights[:-1], last), units, units[1:], strict=False)
    ]
    lengths = [len(array) for array in arrays]
    blocks = [[numpy.zeros((rows, columns)) for columns in lengths] for rows in lengths]
    unknowns = [cvxpy.Variable(length, nonneg=True) for length in lengths[:-1]]
    for k, unknown in enumerate(unknowns):
        blocks[k][k] = 2 * cvxpy.diag(unknown)
        blocks[k + 1][k] = -(arrays[k + 1] @ cvxpy.diag(unknown))
        blocks[k][k + 1] = blocks[k + 1][k].T
    blocks[0][0] -= arrays[0] @ arrays[0].T
    largest = cvxpy.Variable()
    blocks[-1][-1] = largest * numpy.eye(lengths[-1])
    problem = cvxpy.Problem(cvxpy.Minimize(largest), [cvxpy.bmat(blocks) >> 0])
    options = {"eps_abs": tolerance, "eps_rel": tolerance, "max_iters": ITERATIONS}
    try:
        with warnings.catch_warnings():
            # warnings of an inaccurate answer: it is repaired in any case
            warnings.simplefilter("ignore")
            problem.solve(solver=cvxpy.SCS, **options)
    except cvxpy.SolverError:
        return None
    values = [unknown.value for unknown in unknowns]
    if any(value is None or not numpy.isfinite(value).all() for value in values):
        return None
    return [
        scale * torch.from_numpy(value).clamp(min=0)
        for scale, value in zip(scales, values, strict=True)
    ]


def _repaired(
    weights: Sequence[torch.Tensor],
    found: Sequence[torch.Tensor],
    scales: list[torch.Tensor],
    rho: float,
) -> tuple[list[torch.Tensor], float]:
    """The S with the smallest certified rho between what SCS found and what was known; and rho.

    The matrices of two S and rho, mixed, are that of the mixed S and rho: definite if one of them
    is, by more than the other, with SCS's error, fails to be.
    """
    # Multiply the k-th block from both sides by q^-k and S_k by q^(2 k + 1): the same matrix with
    # the diagonals 2 S_k multiplied by q, and rho by q^(2 l), l the number of layers.
    definite = [scale * SPREAD ** (2 * k + 1) for k, scale in enumerate(scales, 1)]
    for share in SHARES:
        mixed = [(1 - share) * a + share * b for a, b in zip(found, definite, strict=True)]
        certified = _certified(weights, mixed)
        if certified < rho:
            scales, rho = mixed, certified
    return scales, rho


def _certified(weights: Sequence[torch.Tensor], scales: Sequence[torch.Tensor]) -> float:
    """A rho for which the matrix is proved to be positive semidefinite; infinity if none is."""
    matrix, rounding = _inequality(weights, scales)
    hidden = len(matrix) - len(weights[-1])
    root, failed = torch.linalg.cholesky_ex(_lowered(matrix, rounding)[:hidden, :hidden])
    if failed:
        return math.inf
    # about the smallest, by the Schur complement
    half = torch.linalg.solve_triangular(root, matrix[:hidden, hidden:], upper=False)
    smallest = torch.linalg.matrix_norm(half, 2).item() ** 2
    for above in STEPS_ABOVE:
        rho = (1 + above) * smallest
        matrix.diagonal()[hidden:] = rho
        if torch.linalg.cholesky_ex(_lowered(matrix, rounding)).info == 0:
            return rho
    return math.inf


def _inequality(
    weights: Sequence[torch.Tensor], scales: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The matrix with 0 for rho, and the rounding of W_1 W_1' in it, in units of 4 * UNIT.

    Returns
    -------
    matrix : Tensor (n, n)
    rounding : Tensor (n,)
        Diagonal of a matrix that bounds the error.
    """
    size = sum(len(weight) for weight in weights)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    rounding = torch.zeros(size, dtype=torch.float64)
    first = weights[0]
    here = slice(0, len(first))
    matrix[here, here] = -(first @ first.T)
    # gamma_inputs |w_i| |w_j| at each entry, and (a b')_ij = |w_i| |w_j| is at most n diag(|w_i|^2)
    rounding[here] = (first.shape[1] + 16) * len(first) * first.square().sum(1)
    for scale, weight in zip(scales, weights[1:], strict=True):
        matrix.diagonal()[here] += 2 * scale
        after = slice(here.stop, here.stop + len(weight))
        matrix[after, here] = -weight * scale
        matrix[here, after] = matrix[after, here].T
        here = after
    return matrix, rounding


def _lowered(matrix: torch.Tensor, rounding: torch.Tensor) -> torch.Tensor:
    """The matrix minus more than all rounding: if this factorises, the true one is definite."""
    # The factorisation is off by at most gamma_(n + 1) sqrt(a_ii a_jj) at each entry (Demmel 1989),
    # hence in all by n times that of the diagonal; so are products S W, since |a_ij| is at most
    # sqrt(a_ii a_jj) in a definite matrix. Each with a factor to spare.
    size = len(matrix)
    lost = 4 * UNIT * ((size + 4) * size * matrix.diagonal().abs() + rounding)
    return matrix - torch.diag(lost)
