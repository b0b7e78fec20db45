"""LipSDP against enumeration, a programme written out as in its paper, and solvers that fail."""

import itertools
import math
import sys

import numpy
import pytest
import torch
from torch import nn

from intriguing import networks
from intriguing.errors import BoundError
from intriguing.lipschitz import lipsdp
from intriguing.lipschitz.chain import DenseChain, dense_chain
from intriguing.lipschitz.graph import bound_graph
from intriguing.lipschitz.lipsdp import lipsdp_constant


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def cvxpy():
    pytest.importorskip("scs")
    return pytest.importorskip("cvxpy")


def random_weights(*sizes):
    return [
        torch.randn(outputs, inputs, dtype=torch.float64) / math.sqrt(inputs)
        for inputs, outputs in itertools.pairwise(sizes)
    ]


def relu_chain(weights):
    return DenseChain(weights, [(0.0, 1.0)] * (len(weights) - 1))


def largest_of_all_patterns(weights):
    """Largest |W_l D ... D W_1| of all diagonal D of zeros and ones."""
    products = weights[0][None]
    for weight in weights[1:]:
        patterns = torch.tensor(list(itertools.product([0.0, 1.0], repeat=weight.shape[1])))
        products = (weight * patterns.double()[:, None, :])[:, None] @ products
        products = products.flatten(0, 1)
    return torch.linalg.matrix_norm(products, 2).max().item()


def as_in_the_paper(cvxpy, weights):
    """Theorem 2 of Fazlyab et al. with nothing eliminated, by an interior point method."""
    weights = [weight.numpy() for weight in weights]
    sizes = [weight.shape[1] for weight in weights]
    multipliers = [cvxpy.Variable(size, nonneg=True) for size in sizes[1:]]
    rho = cvxpy.Variable()
    blocks = [[numpy.zeros((rows, columns)) for columns in sizes] for rows in sizes]
    blocks[0][0] = rho * numpy.eye(sizes[0])
    for k, multiplier in enumerate(multipliers, 1):
        blocks[k][k] = 2 * cvxpy.diag(multiplier)
        blocks[k][k - 1] = -cvxpy.diag(multiplier) @ weights[k - 1]
        blocks[k - 1][k] = blocks[k][k - 1].T
    blocks[-1][-1] -= weights[-1].T @ weights[-1]
    problem = cvxpy.Problem(cvxpy.Minimize(rho), [cvxpy.bmat(blocks) >> 0])
    problem.solve(solver=cvxpy.CLARABEL)
    return math.sqrt(rho.value)


@pytest.mark.parametrize("sizes", [(3, 4, 2), (2, 5, 7), (3, 4, 4, 2), (2, 3, 3, 3, 4)])
def test_against_enumeration_and_the_programme_of_the_paper(cvxpy, sizes):
    for _ in range(3):
        weights = random_weights(*sizes)
        chain = relu_chain(weights)
        constant = lipsdp_constant(chain)
        exact = largest_of_all_patterns(weights)
        assert exact <= constant <= 1.5 * exact
        assert constant == pytest.approx(as_in_the_paper(cvxpy, weights), rel=2e-3)
        assert constant <= chain.constant() * (1 + 1e-6)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_between_the_jacobians_and_the_other_bounds(cvxpy, activation):
    for hidden in ([9], [12, 7], [20, 20, 20]):
        model = networks.build(
            "fully_connected", (1, 4, 4), 5, hidden=hidden, activation=activation
        ).eval()
        graph = bound_graph(model, (1, 4, 4), compare=False)
        chain = dense_chain(graph)
        constant = lipsdp_constant(chain)
        assert constant <= chain.constant() * (1 + 1e-6)
        assert constant <= graph.constant * (1 + 1e-6)
        model.double()
        for image in torch.randn(20, 1, 1, 4, 4).double():
            jacobian = torch.autograd.functional.jacobian(model, image).view(5, 16)
            assert torch.linalg.matrix_norm(jacobian, 2) <= constant


def test_one_layer_and_layers_of_zeros():
    # needs no solver
    (weight,) = random_weights(7, 5)
    exact = torch.linalg.matrix_norm(weight, 2).item()
    constant = lipsdp_constant(DenseChain([weight], []))
    assert exact <= constant <= exact * (1 + 1e-7)
    assert lipsdp_constant(relu_chain([weight, torch.zeros(3, 5)])) == 0
    assert lipsdp_constant(relu_chain([torch.zeros(5, 7), *random_weights(5, 4, 3)])) == 0


def test_units_that_matter_little_or_not_at_all(cvxpy):
    weights = random_weights(4, 6, 6, 3)
    weights[0][0], weights[1][2], weights[1][:, 3], weights[2][:, 4] = 0, 0, 0, 0
    weights[0][1] *= 1e-3
    weights[1][5] *= 1e-6
    exact = largest_of_all_patterns(weights)
    assert exact <= lipsdp_constant(relu_chain(weights)) <= 1.5 * exact
    # no path from image to logits
    apart = random_weights(5, 6, 4)
    apart[0][3:], apart[1][:, :3] = 0, 0
    assert 0 <= lipsdp_constant(relu_chain(apart)) < 1e-3


@pytest.mark.parametrize("powers", [(60, -130, 80), (-60, 20, 30)])
def test_scales_of_the_weights_do_not_matter(cvxpy, powers):
    weights = random_weights(4, 6, 6, 3)
    constant = lipsdp_constant(relu_chain(weights))
    moved = [weight * 2.0**power for weight, power in zip(weights, powers, strict=True)]
    assert lipsdp_constant(relu_chain(moved)) == pytest.approx(constant * 2.0 ** sum(powers))


def test_an_answer_that_is_wrong_gives_a_bound_all_the_same(monkeypatch):
    weights = random_weights(3, 4, 4, 2)
    chain, exact = relu_chain(weights), largest_of_all_patterns(weights)
    for wrong in (0.0, 1e-9, 0.3, 1.0, 1e9):

        def solve(weights, scales, rho, tolerance, wrong=wrong):
            return [wrong * torch.rand(len(scale)).double() * scale for scale in scales]

        monkeypatch.setattr(lipsdp, "_solve", solve)
        assert exact <= lipsdp_constant(chain) <= chain.constant()


def test_the_certificate_refuses_what_is_not_definite():
    # two layers of a single unit: S = w^2 is the best, rho = (v w)^2
    weights = [torch.tensor([[3.0]]).double(), torch.tensor([[0.5]]).double()]
    scale = [torch.tensor([9.0]).double()]
    assert lipsdp._certified(weights, scale) == pytest.approx(1.5**2, rel=1e-9)
    assert lipsdp._certified(weights, scale) >= 1.5**2
    assert lipsdp._certified(weights, [0.5 * scale[0]]) == math.inf
    assert lipsdp._certified(weights, [2 * scale[0]]) > 1.1 * 1.5**2


def test_where_the_solver_fails_eclipse_remains(cvxpy, monkeypatch):
    chain = relu_chain(random_weights(3, 4, 2))

    def fail(*arguments, **options):
        raise cvxpy.SolverError("out of memory")

    monkeypatch.setattr(cvxpy.Problem, "solve", fail)
    assert lipsdp_constant(chain) == pytest.approx(chain.constant(), rel=1e-6)
    # no answer, as after a status of infeasible
    monkeypatch.setattr(cvxpy.Problem, "solve", lambda *arguments, **options: None)
    assert lipsdp_constant(chain) == pytest.approx(chain.constant(), rel=1e-6)


@pytest.mark.parametrize("missing", ["cvxpy", "scs"])
def test_missing_packages_are_named(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    chain = relu_chain([nn.Linear(3, 4).weight, nn.Linear(4, 2).weight])
    with pytest.raises(BoundError) as error:
        lipsdp_constant(chain)
    assert str(error.value) == "LipSDP needs cvxpy and scs: pip install 'intriguing[lipsdp]'"
