"""LipSDP: the least constant that a chain of dense layers allows, neuron by neuron.

Fazlyab et al. 2019, *Efficient and accurate estimation of Lipschitz constants for deep neural
networks* (arXiv 1906.04893), LipSDP-Neuron: with a multiplier T >= 0 for each hidden unit, rho is
the square of a Lipschitz constant if a matrix that is linear in rho and T is positive semidefinite.
ECLipsE-Fast (`chain`) is one feasible T in closed form; this looks for the best, at the cost of a
semidefinite programme as large as the hidden layers together.

The solver's answer is a starting point only: with its T held fixed, rho is raised until a Cholesky
factorisation in float64 proves the matrix positive definite.
"""

import itertools
import math

import numpy as np
import torch

from intriguing.errors import BoundError
from intriguing.lipschitz.norms import UNIT, operator_norm

# multipliers that the solver leaves at or below 0, relative to the largest
LEAST_MULTIPLIER = 1e-7
# factors of the multipliers that are tried
SHRINKS = (1.0, 1 - 1e-5, 1 - 1e-4, 1 - 1e-3, 1 - 1e-2)


def lipsdp_constant(chain):
    """Certified Lipschitz constant of a `chain.DenseChain` by LipSDP.

    Parameters
    ----------
    chain : chain.DenseChain

    Returns
    -------
    float
        Never above ECLipsE-Fast's, which is the fallback where the solver fails.

    Raises
    ------
    BoundError
        If cvxpy or scs is not installed.
    """
    eclipse = chain.constant()
    if eclipse == 0 or len(chain.weights) == 1:
        return eclipse
    weights = chain.weights
    # the solver's tolerances are absolute: a network whose layers all have norm 1
    norms = [operator_norm(weight)[1] for weight in weights]
    weights = [weight / norm for weight, norm in zip(weights, norms, strict=True)]
    multipliers = _solve(weights)
    if multipliers is None:
        return eclipse
    squared = _least_proved(weights, multipliers)
    if squared is None:
        return eclipse
    scale = chain.factor * math.prod(norms) * (1 + 8 * len(norms) * UNIT)
    return min(eclipse, math.sqrt(squared) * scale * (1 + 1e-9))


def _matrix(weights, multipliers, inverse):
    """Positive semidefinite exactly where 1 / inverse is the square of a constant.

    With y_0 the image and y_k the hidden values, slopes in [0, 1] give for differences

        sum_k y_k' T_k (W_k y_(k-1) - y_k) >= 0,

    so that rho |y_0|^2 - |W_l y_(l-1)|^2 >= 2 times that sum proves the constant. Eliminating y_0
    by its Schur complement, with T scaled by 1 / rho, leaves the hidden layers.
    """
    sizes = [len(weight) for weight in weights[:-1]]
    ends = [0, *torch.tensor(sizes).cumsum(0).tolist()]
    total = torch.zeros(ends[-1], ends[-1], dtype=torch.float64)
    first = multipliers[0][:, None] * weights[0]
    for number, (start, end) in enumerate(itertools.pairwise(ends)):
        total[start:end, start:end] += 2 * torch.diag(multipliers[number])
        if number:
            before = slice(ends[number - 1], start)
            coupling = multipliers[number][:, None] * weights[number]
            total[start:end, before] -= coupling
            total[before, start:end] -= coupling.T
    total[: ends[1], : ends[1]] -= first @ first.T
    total[ends[-2] :, ends[-2] :] -= inverse * weights[-1].T @ weights[-1]
    return total


def _solve(weights):
    """Multipliers (scaled by 1 / rho) from SCS, or None where it gives none."""
    try:
        import cvxpy
        import scs  # noqa: F401  the solver that cvxpy calls
    except ImportError as error:
        raise BoundError(
            "LipSDP needs cvxpy and scs: pip install 'intriguing[lipsdp]', or leave lipsdp out"
        ) from error
    hidden = [weight.numpy() for weight in weights[:-1]]
    last = weights[-1].numpy()
    multipliers = [cvxpy.Variable(len(weight), nonneg=True) for weight in hidden]
    inverse = cvxpy.Variable(nonneg=True)
    blocks = []
    for row in range(len(hidden)):
        line = []
        for column in range(len(hidden)):
            shape = (len(hidden[row]), len(hidden[column]))
            block = 2 * cvxpy.diag(multipliers[row]) if row == column else cvxpy.Constant(0)
            if row == column + 1:
                block = -cvxpy.diag(multipliers[row]) @ hidden[row]
            if column == row + 1:
                block = -(cvxpy.diag(multipliers[column]) @ hidden[column]).T
            if abs(row - column) > 1:
                block = cvxpy.Constant(np.zeros(shape))
            if row == column == len(hidden) - 1:
                block = block - inverse * (last.T @ last)
            line.append(block)
        blocks.append(line)
    # T1 W1 W1' T1 is quadratic in T: a Schur complement again, of the size of the first layer
    root = torch.linalg.cholesky(_gram(weights[0])).numpy()
    edge = cvxpy.diag(multipliers[0]) @ root
    for row, line in enumerate(blocks):
        rows = len(hidden[row])
        line.append(edge if row == 0 else cvxpy.Constant(np.zeros((rows, root.shape[1]))))
    blocks.append([line[-1].T for line in blocks] + [cvxpy.Constant(np.eye(len(root)))])
    whole = cvxpy.bmat(blocks)
    problem = cvxpy.Problem(cvxpy.Maximize(inverse), [0.5 * (whole + whole.T) >> 0])
    try:
        problem.solve(solver=cvxpy.SCS, eps=1e-5, max_iters=20_000)
    except cvxpy.error.SolverError:
        return None
    if any(variable.value is None for variable in multipliers):
        return None
    found = [torch.as_tensor(variable.value, dtype=torch.float64) for variable in multipliers]
    largest = max(values.abs().amax().item() for values in found)
    if not 0 < largest < math.inf:
        return None
    return [values.clamp(min=LEAST_MULTIPLIER * largest) for values in found]


def _gram(weight):
    """W W' with a trifle on its diagonal, for a Cholesky factor of fewer units than pixels."""
    gram = weight @ weight.T
    gram.diagonal().add_(1e-12 * gram.diagonal().amax())
    return gram


def _least_proved(weights, multipliers):
    """Smallest rho found whose matrix is proved positive definite, or None.

    The solver's multipliers may lie just outside: a little smaller ones are tried as well.
    """
    found = []
    for shrink in SHRINKS:
        smaller = [shrink * values for values in multipliers]

        def proved(inverse, smaller=smaller):
            return _definite(_matrix(weights, smaller, inverse), weights[0], smaller[0])

        if not proved(0.0):
            continue
        low, high = 0.0, 1.0
        while proved(high):
            low, high = high, 2 * high
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if proved(middle) else (low, middle)
        found += [1 / low] if low > 0 else []
    return min(found, default=None)


def _definite(matrix, first, multipliers):
    """Whether it is positive definite beyond what rounding can feign."""
    size = len(matrix)
    # of the entries, and of the factorisation (see `norms`)
    product = (multipliers[:, None] * first).square().sum().item()
    magnitude = matrix.abs().sum(1).amax().item() + product
    rounding = 16 * (size + first.shape[1]) * UNIT * magnitude
    shifted = matrix.clone()
    shifted.diagonal().sub_(rounding)
    return torch.linalg.cholesky_ex(shifted).info.item() == 0
