"""Bounds of convolutions against the dense matrix of the torch module, by SVD in float64."""

import itertools
import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.bounds import dense, exact_norm, inside
from torch import nn

from intriguing.errors import BoundError
from intriguing.lipschitz import convolution_bounds, local_bounds, transposed_convolution_bounds
from intriguing.lipschitz.bounds import COMPARISONS
from intriguing.lipschitz.local import apply_local
from intriguing.lipschitz.symbol import Symbol, torus_frequencies
from intriguing.lipschitz.windows import Axis

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


def test_the_symbol_is_the_fourier_transform_of_the_operator():
    # circular, stride dividing the size: the singular values of all symbols are the matrix's own
    weight = torch.randn(3, 2, 3, 5, generator=torch.Generator().manual_seed(0)).double()
    layer = nn.Conv2d(2, 3, (3, 5), stride=(2, 3), padding=(1, 2), padding_mode="circular")
    layer.weight, layer.bias = nn.Parameter(weight), None
    ours = [
        torch.linalg.svdvals(stack)
        for stack in Symbol(weight, (2, 3), (1, 1)).at(
            2 * math.pi * torch.cartesian_prod(torch.arange(4) / 4, torch.arange(3) / 3).double()
        )
    ]
    theirs = torch.linalg.svdvals(dense(layer, (2, 8, 9)))
    assert torch.allclose(torch.cat(ours).flatten().sort(descending=True).values, theirs)


@pytest.mark.parametrize("points", [(1, 1), (4, 5), (7, 2)])
@pytest.mark.parametrize("shifts", list(itertools.product((0.0, 0.5), repeat=2)))
def test_one_of_each_pair_of_opposite_frequencies(points, shifts):
    kept = torus_frequencies(points, shifts)
    both = torch.cat([kept, -kept]) % (2 * math.pi)
    steps = (both * torch.tensor(points) / (2 * math.pi) - torch.tensor(shifts)).round().long()
    reached = {tuple(step) for step in (steps % torch.tensor(points)).tolist()}
    assert len(reached) == math.prod(points)
    assert len(kept) <= math.prod(points) // 2 + 4


def test_the_papers_supremum_bounds_every_size():
    weight = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(3))
    by_size = [convolution_bounds(weight, n, stride=2, padding=2) for n in (5, 9, 20)]
    assert by_size[0].paper == pytest.approx(by_size[2].paper, rel=1e-9)
    for bounds in by_size:
        assert bounds.upper <= bounds.paper * (1 + 1e-9)
    # and is approached by large maps
    assert by_size[2].lower > 0.9 * by_size[2].paper


def test_columns_where_taps_see_no_pixel():
    # one pixel, of whose two taps one is dead: on too short a circle they would cancel
    weight = torch.tensor([[[1.0, -0.99]]], dtype=torch.float64)
    bounds = convolution_bounds(weight, 1, padding="same")
    assert bounds.gram >= 1 - 1e-6 and inside(bounds, 1.0)
    # taps that cancel on one pixel of a circle
    weight = torch.tensor([[[0.1, 0.2, -0.3]]], dtype=torch.float64)
    bounds = convolution_bounds(weight, 1, padding=1, padding_mode="circular")
    assert bounds.lower <= 2.7755575615628914e-17 <= bounds.upper
    # windows that do not stand evenly on the circle
    broken = convolution_bounds(
        torch.ones(1, 1, 2), 5, stride=2, padding=1, padding_mode="circular"
    )
    assert broken.paper is None and inside(broken, math.sqrt(3))


def test_one_axis():
    for stride, padding, dilation in itertools.product((1, 2, 3), (0, 2), (1, 2)):
        layer = nn.Conv1d(3, 4, 5, stride, padding, dilation, bias=False)
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        bounds = convolution_bounds(layer.weight, 17, **options)
        assert inside(bounds, exact_norm(layer, (3, 17)))


# torch copies the input where even kernels pad one side more
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("taps", [(4, 3), (2, 6), (5, 1)])
def test_padding_by_name(taps):
    for padding in ("same", "valid"):
        layer = nn.Conv2d(2, 3, taps, padding=padding, bias=False)
        bounds = convolution_bounds(layer.weight, (7, 8), padding=padding, exact=False)
        assert inside(bounds, exact_norm(layer, (2, 7, 8)))


def test_transposed_convolutions():
    for stride, padding, more, dilation, groups in [
        (1, 0, 0, 1, 1),
        (2, 1, 1, 1, 1),
        (3, 2, 0, 2, 2),
        (2, 0, 1, 3, 1),
        (1, 0, 1, 2, 1),
    ]:
        options = {
            "stride": stride,
            "padding": padding,
            "output_padding": more,
            "dilation": dilation,
            "groups": groups,
        }
        layer = nn.ConvTranspose2d(4, 6, 3, bias=False, **options)
        for exactly in (True, False):
            bounds = transposed_convolution_bounds(layer.weight, (5, 6), exact=exactly, **options)
            assert inside(bounds, exact_norm(layer, (4, 5, 6)))
        single = nn.ConvTranspose1d(4, 6, 3, bias=False, **options)
        bounds = transposed_convolution_bounds(single.weight, 9, **options)
        assert inside(bounds, exact_norm(single, (4, 9)))


class Local(nn.Module):
    def __init__(self, weight, stride):
        super().__init__()
        self.weight, self.stride = nn.Parameter(weight, requires_grad=False), (stride, stride)

    def forward(self, images):
        return apply_local(images, self.weight, self.stride)


def test_untied_local_layers():
    for size, taps, stride in [(6, 3, 1), (9, 4, 2), (5, 5, 1), (8, 2, 3)]:
        places = (size - taps) // stride + 1
        weight = torch.randn(places, places, 3, 2, taps, taps)
        exact = exact_norm(Local(weight, stride), (2, size, size))
        for exactly in (True, False):
            bounds = local_bounds(weight, size, stride=stride, exact=exactly)
            assert inside(bounds, exact)
    # the same kernel everywhere is a convolution
    shared = torch.randn(3, 2, 3, 3)
    everywhere = local_bounds(shared.expand(4, 4, 3, 2, 3, 3), 6)
    assert everywhere.upper == pytest.approx(convolution_bounds(shared, 6).upper, rel=1e-6)


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


def test_windows_against_unfolding():
    for size, taps, stride, dilation, padding in [
        (7, 3, 2, 1, 1),
        (5, 5, 1, 2, 4),
        (9, 2, 3, 1, 0),
    ]:
        axis = Axis(size, taps, stride, dilation, padding, padding)
        numbers = torch.arange(1.0, size + 1).view(1, 1, 1, -1)
        windows = nn.functional.unfold(
            nn.functional.pad(numbers, (padding, padding)),
            (1, taps),
            dilation=(1, dilation),
            stride=(1, stride),
        )
        assert np.array_equal(axis.sources + 1, windows[0].T.numpy())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": torch.full((1, 1, 3, 3), torch.nan)}, "NaN or infinity"),
        ({"weight": torch.ones(3, 3)}, "a convolution needs weights"),
        ({"weight": torch.ones(3, 1, 3, 3), "groups": 2}, "it must divide them"),
        ({"input_size": 1}, "give a larger input_size"),
        ({"input_size": 2.5}, "give a whole number"),
        ({"padding_mode": "mirror"}, "padding_mode is 'mirror'"),
        ({"padding": "full"}, "give numbers, 'same' or 'valid'"),
        ({"padding": -1}, "give at least 0"),
        ({"stride": 0}, "stride is 0"),
        ({"padding": 9, "padding_mode": "reflect"}, "give at most 7"),
    ],
)
def test_bad_input_is_one_clear_sentence(change, words):
    arguments = {"weight": torch.ones(1, 1, 3, 3), "input_size": 8} | change
    weight, size = arguments.pop("weight"), arguments.pop("input_size")
    with pytest.raises(BoundError, match=words):
        convolution_bounds(weight, size, **arguments)
