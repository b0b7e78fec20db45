"""Bounds of convolutions against the dense matrix of the torch module, by SVD in float64."""

import itertools
import math

import numpy as np
import pytest
import torch
from oracles.bounds import dense, exact_norm, inside
from torch import nn

from intriguing.errors import BoundError
from intriguing.lipschitz import convolution_bounds, local_bounds, transposed_convolution_bounds
from intriguing.lipschitz.local import apply_local
from intriguing.lipschitz.symbol import Symbol, torus_frequencies
from intriguing.lipschitz.windows import Axis


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
