"""Layers of Le et al. 2012, one at a time and with their bounds."""

import math

import numpy as np
import pytest
import torch
from oracles.bounds import jacobian, largest_jacobian, of_one
from torch import nn

from intriguing.errors import BoundError, ModelError
from intriguing.lipschitz import local_contrast_bounds
from intriguing.lipschitz.layers import bounds_of
from intriguing.networks.local_layers import (
    L2Pool2d,
    LocalContrastNorm2d,
    LocallyConnected2d,
    apply_local,
    transpose_local,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_each_place_has_filters_of_its_own():
    # against sums written out one by one
    layer = LocallyConnected2d((2, 7, 6), 3, 3, 2)
    assert layer.output_shape == (3, 3, 2)
    images, weight = torch.rand(4, 2, 7, 6), layer.weight.detach()
    expected = torch.zeros(4, 3, 3, 2)
    for row in range(3):
        for column in range(2):
            seen = images[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            for k in range(3):
                expected[:, k, row, column] = (seen * weight[row, column, k]).sum((1, 2, 3))
    assert torch.allclose(layer(images), expected, atol=1e-6)


def test_the_same_filters_everywhere_are_a_convolution():
    convolution = nn.Conv2d(3, 5, 4, stride=2, bias=False)
    layer = LocallyConnected2d((3, 12, 12), 5, 4, 2)
    layer.weight.data = convolution.weight.data.expand_as(layer.weight).clone()
    images = torch.rand(2, 3, 12, 12)
    assert torch.allclose(layer(images), convolution(images), atol=1e-5)


def test_transposed_map():
    # <W x, h> = <x, W' h>
    weight = torch.randn(4, 3, 5, 2, 3, 3, dtype=torch.float64)
    images, codes = torch.randn(6, 2, 9, 7).double(), torch.randn(6, 5, 4, 3).double()
    back = transpose_local(codes, weight, (2, 2), (9, 7))
    left = (apply_local(images, weight, (2, 2)) * codes).sum()
    assert left.item() == pytest.approx((images * back).sum().item())


def test_a_row_does_not_depend_on_the_others():
    layers = nn.Sequential(
        LocallyConnected2d((3, 32, 32), 8, 8, 2), L2Pool2d(3), LocalContrastNorm2d(3)
    )
    images = torch.rand(96, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(layers(images)[:32], layers(images[:32]))


def test_l2_pool():
    images = torch.randn(2, 3, 7, 7)
    pool = L2Pool2d(3, 2, epsilon=0.25)
    squares = np.square(images.double().numpy())
    for row, column in [(0, 0), (1, 2), (2, 1)]:
        window = squares[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        expected = np.sqrt(0.25 + window.sum((2, 3)))
        assert np.allclose(pool(images)[:, :, row, column].numpy(), expected, rtol=1e-5)
    assert not jacobian(of_one(pool), torch.zeros(3, 7, 7)).any()


@pytest.mark.parametrize(("maps", "size", "taps"), [(1, (6, 5), 3), (3, (5, 7), 5), (4, (2, 3), 3)])
def test_contrast_normalisation_against_a_loop(maps, size, taps):
    layer = LocalContrastNorm2d(taps, floor=0.2, deviation=1.3)
    image = torch.rand(maps, *size, dtype=torch.float64).numpy()

    def mean(values):
        found = np.zeros(size)
        for row, column in np.ndindex(*size):
            total, weights = 0.0, 0.0
            for k, i, j in np.ndindex(maps, *size):
                if max(abs(i - row), abs(j - column)) <= taps // 2:
                    weight = math.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * 1.3**2))
                    total, weights = total + weight * values[k, i, j], weights + weight
            found[row, column] = total / weights
        return found

    centred = image - mean(image)
    expected = centred / np.maximum(0.2, np.sqrt(mean(centred**2)))
    found = layer(torch.from_numpy(image).float()[None])[0]
    assert np.allclose(found.numpy(), expected, atol=1e-5)


def test_even_images_have_no_contrast_at_their_borders():
    layer = LocalContrastNorm2d(5)
    assert layer(torch.full((1, 3, 8, 8), 0.7)).abs().max() < 1e-3


@pytest.mark.parametrize(("maps", "size", "taps"), [(1, (6, 6), 3), (3, (5, 4), 3), (2, (3, 6), 5)])
def test_contrast_bounds_hold(maps, size, taps):
    layer = LocalContrastNorm2d(taps, floor=0.3)
    bounds = bounds_of(layer, (maps, *size))
    layer = layer.double()
    flat = jacobian(of_one(layer), torch.full((maps, *size), 0.5))
    flat = torch.linalg.matrix_norm(flat, 2).item()
    # without contrast the lower end is attained exactly
    assert bounds.lower <= flat <= bounds.lower * (1 + 1e-5)
    starts = [torch.randn(maps, *size) * scale for scale in (0.1, 0.5, 2)]
    assert largest_jacobian(of_one(layer), starts, steps=12) <= bounds.upper
    # finite differences across the kinks
    for scale in (0.01, 0.3, 3):
        x, y = torch.randn(2, 200, maps, *size, dtype=torch.float64) * scale
        moved = (layer(x) - layer(y)).flatten(1).norm(dim=1)
        assert (moved <= bounds.upper * (x - y).flatten(1).norm(dim=1)).all()


def test_contrast_bounds_with_zeros_outside_and_several_maps():
    axis = torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64)
    window = axis[:, None] * axis
    bounds = local_contrast_bounds(window, 0.3, maps=3)

    def normalise(x):
        def mean(values):
            means = values.mean(1, keepdim=True)
            return nn.functional.conv2d(means, window[None, None], padding=1)

        centred = x - mean(x)
        return centred / mean(centred.square()).clamp(min=0.3**2).sqrt()

    starts = [torch.randn(3, 4, 4) * scale for scale in (0.05, 0.5, 2)]
    found = largest_jacobian(of_one(normalise), starts, steps=12)
    assert bounds.lower <= found <= bounds.upper


def test_contrast_bounds_of_large_maps():
    # Schur's test in place of the matrix: wider, around the same value
    window = LocalContrastNorm2d(3).window
    small = local_contrast_bounds(window, 0.1, input_size=20)
    large = local_contrast_bounds(window, 0.1, input_size=64)
    assert large.lower <= small.lower * 1.01 and small.upper <= large.upper <= 2 * small.upper


def test_local_and_pool_bounds_are_the_jacobians_norm():
    layer = LocallyConnected2d((2, 6, 6), 3, 3, 1)
    bounds = bounds_of(layer, (2, 6, 6))
    exact = jacobian(of_one(layer.double()), torch.zeros(2, 6, 6))
    exact = torch.linalg.matrix_norm(exact, 2).item()
    assert bounds.lower * (1 - 1e-9) <= exact <= bounds.upper
    assert bounds.upper <= exact * (1 + 1e-6)
    pool = L2Pool2d(3, 1)
    bounds = bounds_of(pool, (1, 7, 7))
    dominated = torch.zeros(1, 7, 7)
    dominated[0, 3, 3] = 1e4
    norm = torch.linalg.matrix_norm(jacobian(of_one(pool), dominated), 2).item()
    assert norm == pytest.approx(bounds.upper, rel=1e-6) and bounds.upper == 3
    starts = [torch.randn(1, 7, 7) * scale for scale in (0.1, 1)]
    assert largest_jacobian(of_one(pool), starts, steps=5) <= bounds.upper


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LocallyConnected2d((1, 5, 5), 2, 6), "give a smaller kernel_size"),
        (lambda: LocallyConnected2d((1, 5, 5), 0, 3), "give at least 1"),
        (lambda: L2Pool2d(3, 1, 0.0), "give positive numbers"),
        (lambda: LocalContrastNorm2d(4), "give an odd size"),
        (lambda: LocalContrastNorm2d(3, floor=0), "positive numbers"),
    ],
)
def test_what_cannot_be_built(call, words):
    with pytest.raises(ModelError, match=words):
        call()


def test_bounds_of_no_maps():
    with pytest.raises(BoundError, match="maps 0"):
        local_contrast_bounds(torch.ones(1, 1), 1.0, maps=0)
