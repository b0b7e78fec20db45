"""Bounds of randomly drawn layers against dense SVD in float64 and against random inputs."""

import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.bounds import exact_norm, inside
from torch import nn

from intriguing.lipschitz import (
    convolution_bounds,
    l2_pool_constant,
    lrn_bounds,
    max_pool_constant,
)
from intriguing.lipschitz.bounds import COMPARISONS

KINDS = ("random", "ones", "laplacian", "zero", "tap", "tiny", "checkerboard")


def kernel(kind, shape, generator):
    weight = torch.randn(shape, generator=generator)
    places = torch.arange(shape[2])[:, None] + torch.arange(shape[3])
    middle = (shape[2] // 2, shape[3] // 2)
    if kind == "ones":
        return torch.ones(shape)
    if kind == "zero":
        return torch.zeros(shape)
    if kind == "tiny":
        return 1e-38 * weight
    if kind == "checkerboard":
        return ((-1.0) ** places).expand(shape).clone()
    if kind == "laplacian":
        weight = torch.full(shape, -1 / (shape[2] * shape[3]))
        weight[:, :, middle[0], middle[1]] += 1
    if kind == "tap":
        single = torch.zeros(shape)
        single[:, :, middle[0], middle[1]] = weight[:, :, middle[0], middle[1]]
        return single
    return weight


def generated(number, modes):
    """Convolutions with every option, drawn from a fixed seed, small enough for a dense SVD."""
    generator = torch.Generator().manual_seed(20)
    drawn = np.random.default_rng(20)
    cases = []
    while len(cases) < number:
        groups = int(drawn.choice([1, 1, 1, 2, 4]))
        inputs, outputs = (groups * int(drawn.integers(1, 16 // groups + 1)) for _ in range(2))
        sizes = [int(n) for n in drawn.choice([1, 2, 3, 5, 8, 10, 13], 2)]
        taps = [int(k) for k in drawn.integers(1, 12, 2)]
        stride = [int(s) for s in drawn.integers(1, 5, 2)]
        dilation = [int(d) for d in drawn.choice([1, 1, 2, 3], 2)]
        mode = str(drawn.choice(modes))
        padding = [int(drawn.integers(0, k // 2 + 1)) for k in taps]
        extent = [d * (k - 1) + 1 for d, k in zip(dilation, taps, strict=True)]
        reach = {"reflect": -1, "circular": 0}.get(mode, 99)
        if any(
            e > n + 2 * p or p > n + reach for e, n, p in zip(extent, sizes, padding, strict=True)
        ):
            continue
        if inputs * math.prod(sizes) > 1700:
            continue
        kind = KINDS[len(cases) % len(KINDS)]
        weight = kernel(kind, (outputs, inputs // groups, *taps), generator)
        options = {
            "stride": tuple(stride),
            "padding": tuple(padding),
            "dilation": tuple(dilation),
            "groups": groups,
            "padding_mode": mode,
        }
        layer = nn.Conv2d(inputs, outputs, tuple(taps), bias=False, **options)
        layer.weight = nn.Parameter(weight, requires_grad=False)
        cases.append((kind, weight, tuple(sizes), options, exact_norm(layer, (inputs, *sizes))))
    return cases


@pytest.fixture(scope="module")
def plain():
    return generated(70, ["zeros", "zeros", "circular"])


def test_every_interval_contains_the_norm_and_is_tight(plain):
    ratios = {True: [], False: []}
    for kind, weight, sizes, options, exact in plain:
        for exactly in (True, False):
            bounds = convolution_bounds(weight, sizes, exact=exactly, compare=False, **options)
            assert inside(bounds, exact), (kind, tuple(weight.shape), sizes, options)
            if exact:
                ratios[exactly].append(bounds.upper / exact)
            else:
                assert bounds.upper == 0
    assert len(ratios[True]) >= 55
    # without the matrix of small maps
    assert statistics.median(ratios[False]) <= 1.015 and max(ratios[False]) <= 1.45
    assert max(ratios[True]) <= 1.05


def test_copied_pixels():
    for _, weight, sizes, options, exact in generated(28, ["reflect", "replicate"]):
        assert inside(convolution_bounds(weight, sizes, compare=False, **options), exact)
        assert inside(
            convolution_bounds(weight, sizes, exact=False, compare=False, **options), exact
        )


def test_which_of_the_other_methods_are_bounds(plain):
    below = dict.fromkeys(COMPARISONS, 0)
    for _, weight, sizes, options, exact in plain:
        bounds = convolution_bounds(weight, sizes, exact=False, **options)
        for name in COMPARISONS:
            value = getattr(bounds, name)
            if value is not None and value < exact * (1 - 1e-5):
                below[name] += 1
    printed = below.pop("paper_as_printed")
    assert not any(below.values()), below
    # too small by the stride
    assert printed > 20


@settings(max_examples=750, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_input_does_more(data):
    """Random layers against random inputs and a few power steps on them: 750 × 8 inputs."""

    def draw(low, high):
        return data.draw(st.integers(low, high))

    taps, stride, dilation = (draw(1, 5), draw(1, 5)), draw(1, 3), draw(1, 2)
    mode = data.draw(st.sampled_from(["zeros", "circular", "reflect", "replicate"]))
    padding = draw(0, min(taps))
    # sizes that a window fits into, and that the mode of the padding allows
    least = {"circular": padding, "reflect": padding + 1}.get(mode, 1)
    sizes = tuple(draw(max(1, least, dilation * (k - 1) + 1 - 2 * padding), 12) for k in taps)
    generator = torch.Generator().manual_seed(draw(0, 10**6))
    layer = nn.Conv2d(
        in_channels=draw(1, 4),
        out_channels=draw(1, 4),
        kernel_size=taps,
        stride=stride,
        padding=padding,
        dilation=dilation,
        padding_mode=mode,
        bias=False,
        dtype=torch.float64,
    )
    weight = torch.rand(layer.weight.shape, generator=generator, dtype=torch.float64) * 2 - 1
    bounds = convolution_bounds(
        weight * 10.0 ** (power := draw(-30, 30)),
        sizes,
        stride=stride,
        padding=padding,
        dilation=dilation,
        padding_mode=mode,
        exact=data.draw(st.booleans()),
        compare=False,
    )
    layer.weight.data = weight
    shape = (8, layer.in_channels, *sizes)
    points = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
    images = layer(points)
    found = 0.0
    vectors = points.detach()
    for _ in range(10):
        vectors = vectors / vectors.flatten(1).norm(dim=1).clamp(min=1e-300).view(-1, 1, 1, 1)
        with torch.no_grad():
            moved = layer(vectors)
        found = max(found, moved.flatten(1).norm(dim=1).max().item())
        (vectors,) = torch.autograd.grad(images, points, moved, retain_graph=True)
    assert found * 10.0**power <= bounds.upper * (1 + 1e-12)
    assert bounds.lower <= bounds.upper


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    size=st.integers(4, 9),
    scale=st.floats(-3, 3),
    seed=st.integers(0, 10**6),
)
def test_no_pair_of_inputs_is_driven_further_apart(kernel, stride, size, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 16, 3, size, size, generator=generator, dtype=torch.float64)
    second = first + 10**scale * (second - first)
    apart = (first - second).flatten(1).norm(dim=1)
    lp = nn.LPPool2d(2, kernel, stride)
    cases = [
        (nn.MaxPool2d(kernel, stride), max_pool_constant(kernel, stride=stride, input_size=size)),
        (lp, l2_pool_constant(kernel, stride=stride, input_size=size)),
        (nn.Softmax(1), 0.5),
        (nn.Sigmoid(), 0.25),
        (
            nn.LocalResponseNorm(3, alpha=3.0, beta=0.75, k=1.0),
            lrn_bounds(size=3, alpha=1.0, beta=0.75, k=1.0, channels=3).upper,
        ),
    ]
    for layer, constant in cases:
        moved = (layer(first) - layer(second)).flatten(1).norm(dim=1)
        assert (moved <= constant * apart * (1 + 1e-9)).all(), layer
