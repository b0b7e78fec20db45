"""Bounds of randomly drawn layers and functions that are not convolutions, against Jacobians."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from intriguing.lipschitz import layer_bounds
from intriguing.lipschitz.activations import ACTIVATIONS, slopes
from intriguing.lipschitz.graph import bound_graph

whole = st.integers


class Does(nn.Module):
    """A module that calls a function with what was drawn for it."""

    def __init__(self, function, *drawn):
        super().__init__()
        self.function, self.drawn = function, drawn

    def forward(self, x):
        return self.function(x, *self.drawn)


def weighted(module, draw):
    """Random weights, also in place of ones."""
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape) * draw(st.sampled_from([1.0, 5.0]))
    return module


def a_slope(draw):
    return draw(st.floats(-2, 2).filter(lambda s: abs(s) > 1e-3))


# modules: from a function that draws, and the shape of an image (C, H, W)
MODULES = {
    "LeakyReLU": lambda draw, c, h, w: nn.LeakyReLU(a_slope(draw)),
    "PReLU": lambda draw, c, h, w: weighted(nn.PReLU(draw(st.sampled_from([1, c]))), draw),
    "ELU": lambda draw, c, h, w: nn.ELU(abs(a_slope(draw))),
    "CELU": lambda draw, c, h, w: nn.CELU(abs(a_slope(draw))),
    "Softplus": lambda draw, c, h, w: nn.Softplus(abs(a_slope(draw))),
    "GELU": lambda draw, c, h, w: nn.GELU(draw(st.sampled_from(["none", "tanh"]))),
    **{
        kind.__name__: lambda draw, c, h, w, kind=kind: kind()
        for kind in ACTIVATIONS
        if kind.__name__
        not in ("LeakyReLU", "PReLU", "ELU", "CELU", "Softplus", "GELU", "Threshold")
    },
    "LogSoftmax": lambda draw, c, h, w: nn.LogSoftmax(draw(whole(1, 3))),
    "Softmin": lambda draw, c, h, w: nn.Softmin(draw(whole(1, 3))),
    "GroupNorm": lambda draw, c, h, w: weighted(
        nn.GroupNorm(draw(st.sampled_from([1, c])), c, eps=10 ** -draw(whole(0, 5))), draw
    ),
    "LayerNorm": lambda draw, c, h, w: weighted(
        nn.LayerNorm([c, h, w][draw(whole(0, 2)) :], eps=10 ** -draw(whole(0, 5))), draw
    ),
    "RMSNorm": lambda draw, c, h, w: weighted(nn.RMSNorm([h, w], eps=1e-2), draw),
    "InstanceNorm2d": lambda draw, c, h, w: weighted(nn.InstanceNorm2d(c, affine=True), draw),
}
# linear ones, of which the norm is that of the Jacobian
LINEAR = {
    "ZeroPad2d": lambda draw, c, h, w: nn.ZeroPad2d(draw(whole(0, 2))),
    "ReflectionPad2d": lambda draw, c, h, w: nn.ReflectionPad2d(draw(whole(0, min(h, w) - 1))),
    "ReplicationPad2d": lambda draw, c, h, w: nn.ReplicationPad2d(
        [draw(whole(0, 3)) for _ in range(4)]
    ),
    "CircularPad2d": lambda draw, c, h, w: nn.CircularPad2d(draw(whole(0, min(h, w)))),
    "Upsample": lambda draw, c, h, w: nn.Upsample(
        size=(draw(whole(1, 7)), draw(whole(1, 7))),
        mode=draw(st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic", "area"])),
    ),
    "Upsample by a factor": lambda draw, c, h, w: nn.Upsample(
        scale_factor=draw(st.sampled_from([0.5, 1.7, 2, (2, 3)])),
        mode=draw(st.sampled_from(["nearest", "bilinear"])),
    ),
    "corners": lambda draw, c, h, w: nn.Upsample(
        scale_factor=2, mode="bilinear", align_corners=True
    ),
    "PixelUnshuffle": lambda draw, c, h, w: nn.Sequential(
        nn.Upsample((4, 6)), nn.PixelUnshuffle(2)
    ),
    "PixelShuffle": lambda draw, c, h, w: nn.Sequential(
        Does(lambda x: x.repeat(1, 4, 1, 1)), nn.PixelShuffle(2)
    ),
    "mean": lambda draw, c, h, w: Does(
        lambda x, axes: x.mean(axes),
        draw(st.lists(whole(1, 3), min_size=1, max_size=3, unique=True)),
    ),
    "sum": lambda draw, c, h, w: Does(
        lambda x, axis, keep: x.sum(axis, keepdim=keep), draw(whole(1, 3)), draw(st.booleans())
    ),
    "repeat": lambda draw, c, h, w: Does(
        lambda x, times: x.repeat(1, *times), [draw(whole(1, 3)) for _ in range(3)]
    ),
    "expand": lambda draw, c, h, w: Does(
        lambda x, times: x[:, :1].expand(-1, times, -1, -1), draw(whole(1, 3))
    ),
    "tile": lambda draw, c, h, w: Does(
        lambda x, times: torch.tile(x, (1, times, 1, 1)), draw(whole(1, 3))
    ),
    "flip": lambda draw, c, h, w: Does(lambda x, axis: x.flip(axis), draw(whole(1, 3))),
    "roll": lambda draw, c, h, w: Does(lambda x, by: torch.roll(x, by, 2), draw(whole(-3, 3))),
    "negation": lambda draw, c, h, w: Does(lambda x: -x),
    "transpose": lambda draw, c, h, w: Does(
        lambda x, axis: x.transpose(axis, 3), draw(whole(1, 3))
    ),
    "mT": lambda draw, c, h, w: Does(lambda x: x.mT),
    "F.pad": lambda draw, c, h, w: Does(
        lambda x, by: F.pad(x, (by, 0, 0, by, 1, 0)), draw(whole(0, 2))
    ),
    "F.linear": lambda draw, c, h, w: Does(
        lambda x, matrix: F.linear(x, matrix.to(x.dtype)), torch.randn(3, w)
    ),
    "matmul": lambda draw, c, h, w: Does(
        lambda x, matrix: x @ matrix.to(x.dtype), torch.randn(w, 4)
    ),
    "F.conv2d": lambda draw, c, h, w: Does(
        lambda x, kernel, padding: F.conv2d(x, kernel.to(x.dtype), padding=padding),
        torch.randn(2, c, 2, 3),
        draw(whole(1, 2)),
    ),
}
# of several values or several parts: at least as much as the Jacobian
COMPOSED = {
    "chunks": lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
    "split": lambda x: torch.cat([2 * part for part in torch.split(x, 1, 2)], 2),
    "stack": lambda x: torch.stack([x, 3 * x], 1),
    "unbind": lambda x: x.unbind(2)[0],
    "maximum": lambda x: torch.maximum(x, 2 * x.flip(1)),
    "extremum": lambda x: x.amax((2, 3)) - x.amin((2, 3)),
    "clip": lambda x: (3 * x).clamp(0, 1),
    "clip in place": lambda x: (3 * x).clamp_(min=0).sub_(0.3).mul_(2.0),
    "absolute": lambda x: (2 * x).abs(),
    "sine": lambda x: torch.sin(4 * x),
    "cast": lambda x: 2 * x.to(x.dtype),
    "clip by functions": lambda x: F.hardtanh(3 * x, -2, 2) + F.relu6(x) + F.leaky_relu(x, -1.5),
    "functions": lambda x: F.gelu(x, approximate="tanh") + F.silu(x) * 0.5 - F.softplus(x, 2.0),
    "more functions": lambda x: F.mish(x) + F.hardswish(2 * x, True) + F.elu(x, 0.5) + F.selu(x),
    "norms": lambda x: F.group_norm(x, 1, eps=0.1) + F.layer_norm(x, x.shape[1:], eps=0.1),
    "softmaxes": lambda x: F.log_softmax(x, 1) - x.softmax(1),
    "a product with a number": lambda x: x.new_tensor(2.0) * x,
    "sizes": lambda x: x.view(x.shape[0], x.shape[1], -1) / x.shape[-1],
}


def norms(model, points):
    """Largest singular values of the Jacobian at each point, in double precision."""
    for point in points:
        jacobian = torch.autograd.functional.jacobian(model, point[None])
        yield torch.linalg.matrix_norm(jacobian.reshape(-1, point.numel()), 2).item()


def drawn_image(data):
    shape = tuple(data.draw(whole(2, 4)) for _ in range(3))
    torch.manual_seed(data.draw(whole(0, 10**6)))
    return shape


def points_of(shape, data):
    """Near 0, where norms are steepest; random; of a size where activations bend; and far out."""
    scale = 10 ** data.draw(st.floats(-4, 1.3))
    constant = torch.ones(1, *shape, dtype=torch.float64)
    return torch.cat([scale * torch.randn(4, *shape, dtype=torch.float64), constant])


@pytest.mark.parametrize("kind", MODULES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_module_does_more(kind, data):
    shape = drawn_image(data)
    model = nn.Sequential(MODULES[kind](data.draw, *shape)).eval()
    row = layer_bounds(model, shape).iloc[0]
    found = max(norms(model.double(), points_of(shape, data)))
    assert found <= row["upper"] * (1 + 1e-9) and 0 <= row["lower"] <= row["upper"]
    if kind in ("GroupNorm", "LayerNorm", "InstanceNorm2d", "RMSNorm"):
        # attained at a constant image
        flat = max(norms(model, torch.zeros(1, *shape, dtype=torch.float64)))
        assert row["lower"] * (1 - 1e-9) <= flat


@pytest.mark.parametrize("kind", LINEAR)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_linear_maps_have_their_norm(kind, data):
    shape = drawn_image(data)
    model = LINEAR[kind](data.draw, *shape).eval()
    table = layer_bounds(model, shape)
    exact = max(norms(model.double(), torch.zeros(1, *shape, dtype=torch.float64)))
    upper = table["upper"].prod()
    assert exact <= upper * (1 + 1e-9)
    if len(table) == 1:
        assert table["lower"][0] * (1 - 1e-9) <= exact and upper <= exact * (1 + 1e-5)


@pytest.mark.parametrize("kind", COMPOSED)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_compositions_hold(kind, data):
    shape = drawn_image(data)
    model = Does(COMPOSED[kind]).eval()
    constant = bound_graph(model, shape).constant
    found = max(norms(model, points_of(shape, data)))
    assert found <= constant * (1 + 1e-9) < math.inf


@pytest.mark.parametrize("kind", ["GELU", "SiLU", "Mish", "Hardswish", "Tanhshrink", "SELU"])
def test_slopes_are_those_of_a_fine_grid(kind):
    smallest, largest = slopes(getattr(nn, kind)())
    grid = torch.linspace(-20, 20, 2_000_001, dtype=torch.float64).requires_grad_()
    (derivative,) = torch.autograd.grad(getattr(nn, kind)()(grid).sum(), grid)
    assert smallest <= derivative.min().item() and derivative.max().item() <= largest
    assert derivative.max().item() >= largest - 1e-8
    # some are only approached far out
    assert derivative.min().item() <= smallest + 1e-5
