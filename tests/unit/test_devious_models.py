"""Models whose code is hard to follow: each has a bound that holds, or is refused in a sentence."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intriguing.errors import BoundError
from intriguing.lipschitz import Bounds, network_bounds, register
from intriguing.lipschitz import layers as known_layers
from intriguing.lipschitz.chain import DenseChain
from intriguing.lipschitz.graph import bound_graph
from intriguing.networks import kinds

SHAPE = (2, 4, 4)


class Devious(nn.Module):
    def __init__(self, written):
        super().__init__()
        self.written = written
        self.register_buffer("kept", torch.zeros(1, *SHAPE))
        self.register_buffer("sevens", torch.full((1,), 7.0))
        self.eval()

    def forward(self, x):
        return self.written(self, x)


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, upstream):
        return 2 * upstream


def steep(x):
    """Flat for images in [0, 1]."""
    return 10 * torch.relu(x - 1)


def added_to_zeros(m, x):
    y = torch.zeros_like(x)
    y.add_(steep(x))
    return x + y


def zeros_that_become_the_image(m, x):
    y = torch.zeros_like(x)
    z = y.add_(x)
    return y + z


def written_into_zeros(m, x):
    y = torch.zeros(1, *x.shape[1:], dtype=x.dtype)
    y[:, :, 1:] = steep(x[:, :, :-1])
    return x + y


def written_into_a_buffer(m, x):
    m.kept.copy_(steep(x))
    return x + m.kept


def written_as_output(m, x):
    torch.abs(x - 2, out=m.kept)
    return x + m.kept


def constant_changed_later(m, x):
    factor = m.sevens * 1.0
    y = x * factor
    factor.zero_()
    return y


def listed(m, x):
    return 100 * x if (x.flatten() > 2).tolist()[0] else x


def with_indices(m, x):
    values, places = F.max_pool2d(x, 2, return_indices=True)
    return values + places * 0.5


REFUSED = {
    "added to zeros": (added_to_zeros, "writes into a tensor that is not computed from the image"),
    "zeros that change": (zeros_that_become_the_image, "writes into a tensor"),
    "written into zeros": (written_into_zeros, "writes into a tensor"),
    "written into a buffer": (written_into_a_buffer, "writes into a tensor"),
    "written as output": (written_as_output, "writes into a tensor"),
    "a constant changed later": (constant_changed_later, ""),
    "a number of values": (
        lambda m, x: 100 * x if (x > 2).nonzero().shape[0] else x,
        "the shape of nonzero depends on the values",
    ),
    "distinct values": (
        lambda m, x: 100 * x if x.unique().numel() > 40 else x,
        "the shape of .*unique.* depends on the values",
    ),
    "selected values": (
        lambda m, x: 100 * x if len(x[x > 2]) else x,
        "the shape of getitem depends on the values",
    ),
    "a list": (listed, "control flow depends on the values"),
    "new from the image": (lambda m, x: x + x.new_tensor(x), "with these arguments"),
    "indices": (with_indices, "max_pool"),
    "whole numbers": (lambda m, x: 1.0 * x.sum(1, dtype=torch.int64), "gives torch.int64"),
    "complex": (lambda m, x: (x * 3j).abs(), "a complex number"),
    "complex inside": (lambda m, x: torch.tanh(x + 1.5j).abs(), "gives torch.complex64"),
    "the batch": (lambda m, x: 100 * x if x.shape[0] > 1 else x, "another answer in a batch"),
    "over the batch": (lambda m, x: x - x.mean(), "another answer in a batch"),
    "a script": (lambda m, x: torch.jit.script(nn.ReLU())(x), ""),
    "a tensor of the image": (lambda m, x: x * torch.tensor(x.sum()), ""),
    "vmap": (lambda m, x: torch.vmap(torch.sin)(x), "cannot be traced"),
    "repeats": (lambda m, x: x.repeat_interleave(torch.tensor([0, 3]), 1), "not one number"),
    "CELU": (lambda m, x: F.celu(x, -1.0), "give a positive alpha"),
    "sums of tuples": (lambda m, x: torch.cat(x.chunk(2, 1) * 2, 1), "several values at once"),
    "cat by name": (lambda m, x: torch.cat(tensors=[x, x], dim=1), "with these arguments"),
    "nothing": (lambda m, x: x[..., :0] * torch.ones(0), ""),
    "a type": (lambda m, x: x > 0, "give floating-point numbers"),
    "one number": (lambda m, x: x.sum(), "the batch as the first axis"),
}
HOLD = {
    "a function of its own": lambda m, x: Doubling.apply(x),
    "another order of arguments": lambda m, x: torch.max_pool2d(x, 3, 2, 0, 1, True),
    "the larger, spread": lambda m, x: torch.maximum(x.flatten(1)[:, None], m.kept[:, :, :, :1]),
    "repeats": lambda m, x: x.repeat_interleave(3, 1),
    "an empty index": lambda m, x: 3 * x[()],
    "detached": lambda m, x: 3 * x.detach(),
    "facts": lambda m, x: x if x.is_cuda else 2 * x,
    "changed while it is new": lambda m, x: (3 * x).mul_(2).relu_().add_(1),
}


def apart(model):
    """Largest ratio of distances that random pairs show."""
    found = 0.0
    for scale in (0.01, 1.0, 30.0):
        first, moves = torch.randn(2, 60, 1, *SHAPE)
        for image, move in zip(scale * first, moves, strict=True):
            moved = model(image + move) - model(image)
            found = max(found, (moved.norm() / move.norm()).item())
    return found


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_refused_in_a_sentence(kind, partial):
    written, words = REFUSED[kind]
    torch.manual_seed(0)
    try:
        bounds = network_bounds(Devious(written), SHAPE, partial=partial)
    except BoundError as error:
        message = str(error)
        # in part, the Jacobian is refused as well
        assert partial or re.search(words, message)
    else:
        assert partial and bounds.upper == torch.inf
        message = bounds.reason
        assert re.search(words, message)
    assert "\n" not in message


@pytest.mark.parametrize("kind", HOLD)
def test_bounds_hold(kind):
    torch.manual_seed(0)
    model = Devious(HOLD[kind])
    assert apart(model) <= bound_graph(model, SHAPE).constant * (1 + 1e-5) < torch.inf


def test_what_a_model_keeps_is_its_own():
    def keeping(m, x):
        m.feature = torch.relu(x)
        return 2 * m.feature

    model = Devious(keeping)
    assert network_bounds(model, SHAPE).upper == pytest.approx(2.0)
    assert type(model.feature) is torch.Tensor


def test_a_forward_of_its_own_is_followed():
    layer = nn.Linear(4, 4)
    layer.forward = lambda x: F.linear(50 * x, layer.weight, layer.bias)
    norm = torch.linalg.matrix_norm(layer.weight, 2).item()
    constant = bound_graph(nn.Sequential(layer).eval(), (4,)).constant
    assert constant == pytest.approx(50 * norm, rel=1e-5)


def test_a_kind_called_dropout_is_not_skipped(monkeypatch):
    monkeypatch.setattr(known_layers, "_KINDS", dict(known_layers._KINDS))
    monkeypatch.setattr(kinds, "NAMES", dict(kinds.NAMES))

    class Double(nn.Module):
        def forward(self, x):
            return 2 * x

    register(Double, "dropout")(lambda module, shape, compare: Bounds.exactly(2.0))
    first, last = nn.Linear(4, 6), nn.Linear(6, 3)
    plain = network_bounds(nn.Sequential(first, nn.ReLU(), last).eval(), (4,))
    for place in (1, 2):
        parts = [first, nn.ReLU(), last]
        parts.insert(place, Double())
        doubled = network_bounds(nn.Sequential(*parts).eval(), (4,))
        assert doubled.upper == pytest.approx(2 * plain.product, rel=1e-5)


def test_deep_chains_neither_vanish_nor_overflow():
    orthogonal = torch.linalg.qr(torch.randn(8, 8)).Q
    for factor in (0.01, 1.0, 30.0):
        chain = DenseChain([factor * orthogonal] * 120, [(0.0, 1.0)] * 119)
        exact = factor**120
        assert exact * (1 - 1e-5) <= chain.constant() <= exact * (1 + 1e-4)
    vanishing = nn.Sequential(*[nn.Linear(2, 2) for _ in range(9)]).eval()
    for layer in vanishing:
        layer.weight.data.fill_(1e-38)
    assert network_bounds(vanishing, (2,)).eclipse is None
