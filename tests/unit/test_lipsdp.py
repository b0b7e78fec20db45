"""LipSDP against the exact constant of small ReLU nets and against ECLipsE-Fast."""

import itertools
import sys

import pytest
import torch

from intriguing import networks
from intriguing.errors import BoundError
from intriguing.lipschitz import network_bounds
from intriguing.lipschitz.chain import dense_chain
from intriguing.lipschitz.lipsdp import lipsdp_constant
from intriguing.lipschitz.walk import walk


def relu_net(hidden, seed, shape=(1, 1, 3)):
    torch.manual_seed(seed)
    return networks.build("fully_connected", shape, 2, hidden=hidden, activation="relu").eval()


def largest_over_patterns(model):
    """Largest norm of the Jacobian over all patterns of active units."""
    weights = [m.weight.detach().double() for m in model if hasattr(m, "weight")]
    found = 0.0
    hidden = [len(weight) for weight in weights[:-1]]
    for pattern in itertools.product((0.0, 1.0), repeat=sum(hidden)):
        matrix, start = weights[0], 0
        for size, weight in zip(hidden, weights[1:], strict=True):
            active = torch.tensor(pattern[start : start + size], dtype=torch.float64)
            matrix, start = weight @ (active[:, None] * matrix), start + size
        found = max(found, torch.linalg.matrix_norm(matrix, 2).item())
    return found


@pytest.mark.parametrize("hidden", [[4], [3, 4]])
def test_between_the_exact_constant_and_eclipse(hidden):
    pytest.importorskip("cvxpy")
    for seed in range(3):
        model = relu_net(hidden, seed)
        exact = largest_over_patterns(model)
        bounds = network_bounds(model, (1, 1, 3), lipsdp=True)
        assert exact <= bounds.lipsdp <= bounds.eclipse <= bounds.product
        assert bounds.upper == bounds.lipsdp
        # so small a net leaves next to nothing between
        assert bounds.lipsdp <= exact * (1.01 if len(hidden) == 1 else 1.3)


def test_one_layer_and_no_chain():
    pytest.importorskip("cvxpy")
    model = networks.build("softmax", (1, 2, 2), 3).eval()
    chain = dense_chain(walk(model, (1, 2, 2)))
    assert lipsdp_constant(chain) == chain.constant()
    convolutional = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 2), torch.nn.Flatten()).eval()
    with pytest.raises(BoundError, match="dense layers only"):
        network_bounds(convolutional, (1, 4, 4), lipsdp=True)


def test_without_its_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(BoundError, match=r"pip install 'intriguing\[lipsdp\]'"):
        network_bounds(relu_net([4], 0), (1, 1, 3), lipsdp=True)
