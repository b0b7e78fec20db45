"""Bounds of the other layers against dense SVD, Jacobians and random inputs."""

import itertools
import math
from fractions import Fraction

import pytest
import torch
from oracles.bounds import exact_norm, inside, largest_jacobian
from torch import nn

from intriguing.errors import BoundError
from intriguing.lipschitz import (
    adaptive_average_pool_constant,
    adaptive_max_pool_constant,
    average_pool_constant,
    batch_norm_constant,
    contrast_bounds,
    dense_bounds,
    local_contrast_bounds,
    lrn_bounds,
    max_pool_constant,
    residual_sum_bounds,
)
from intriguing.lipschitz import layers as known_layers
from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.norms import largest_norm


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (40, 3), (30, 30), (120, 200)])
@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300, 1e-40])
def test_dense(shape, scale):
    matrix = torch.randn(shape, dtype=torch.float64)
    exact = torch.linalg.svdvals(matrix)[0].item()
    bounds = dense_bounds(matrix * scale)
    assert bounds.lower <= exact * scale * (1 + 1e-14) and bounds.upper >= exact * scale * (
        1 - 1e-14
    )
    assert bounds.upper <= bounds.lower * (1 + 1e-6)
    assert bounds.paper == bounds.upper


def test_dense_with_equal_singular_values_and_without_any():
    orthogonal = torch.linalg.qr(torch.randn(50, 50, dtype=torch.float64)).Q
    assert dense_bounds(3 * orthogonal).upper == pytest.approx(3, rel=1e-7)
    assert dense_bounds(torch.zeros(4, 5)) == Bounds(
        0, 0, paper=0, paper_as_printed=0, method="Cholesky"
    )
    one = torch.zeros(6, 9)
    one[2, 3] = -7
    bounds = dense_bounds(one)
    assert bounds.lower <= 7 <= bounds.upper < 7.00001


def test_a_norm_that_the_iteration_would_miss_is_still_certified():
    # the start is orthogonal to the answer: only the factorisation shows it
    stack = torch.diag_embed(torch.tensor([[1.0, 0.9, 0.0], [0.2, 0.1, 1.5]])).double()
    stack[1, 2, 2] = 1.5
    assert largest_norm([stack]) == pytest.approx(1.5, rel=1e-5)
    matrices = torch.randn(20, 6, 9, dtype=torch.complex128)
    exact = torch.linalg.matrix_norm(matrices, 2).amax().item()
    assert exact <= largest_norm(matrices.split(7)) <= exact * (1 + 1e-5)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pools_against_modules(kernel, stride):
    for padding, ceil_mode, size in itertools.product((0, kernel // 2), (False, True), (7, 8)):
        options = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        for counted in (False, True):
            pool = nn.AvgPool2d(kernel, count_include_pad=counted, **options)
            ours = average_pool_constant(
                kernel, input_size=size, count_include_pad=counted, **options
            )
            assert ours == pytest.approx(exact_norm(pool, (1, size, size)), rel=1e-6)
        pool = nn.AvgPool2d(kernel, divisor_override=3, **options)
        ours = average_pool_constant(kernel, input_size=size, divisor=3, **options)
        assert ours == pytest.approx(exact_norm(pool, (1, size, size)), rel=1e-6)
        # a pixel that dominates all its windows moves them all
        constant = max_pool_constant(kernel, input_size=size, **options)
        pool = nn.MaxPool2d(kernel, **options)
        peaks = 5 * torch.eye(size * size).view(-1, 1, size, size)
        moved = (pool(peaks + 0.1 * (peaks > 0)) - pool(peaks)).flatten(1).norm(dim=1).max() / 0.1
        assert moved.item() == pytest.approx(constant, rel=1e-4)


def test_the_pools_of_alexnet_double_distances():
    assert max_pool_constant(3, stride=2, input_size=55) == 2
    assert max_pool_constant(2, input_size=8) == 1
    assert max_pool_constant(3, stride=2, input_size=3) == 1  # a single window
    assert max_pool_constant(2, stride=1, dilation=2, input_size=9) == 2
    per_axis = average_pool_constant((3, 1), stride=(2, 1), input_size=(101, 1))
    assert per_axis == pytest.approx(math.sqrt(5) / 3, rel=1e-2)
    assert average_pool_constant(4, input_size=8) == pytest.approx(1 / 4, rel=1e-7)


def test_intervals_of_long_averages_and_long_rows():
    size, kernel = 600, 3
    layer = nn.AvgPool2d((kernel, 1), stride=1)
    bounds = known_layers.bounds_of(layer, (1, size, 1))
    assert inside(bounds, exact_norm(layer, (1, size, 1)))
    row = torch.full((1, 100_000), 1.1, dtype=torch.float64)
    exact = math.sqrt(sum(Fraction(1.1) ** 2 for _ in range(100_000)))
    assert dense_bounds(row).lower <= exact <= dense_bounds(row).upper
    tiny = dense_bounds(torch.full((1, 3), 5e-324, dtype=torch.float64))
    assert tiny.lower <= 8.6e-324 and tiny.upper >= 8.6e-324


@pytest.mark.parametrize("sizes", [((7, 9), (3, 4)), ((4, 4), (6, 5)), ((6, 6), (1, 1))])
def test_adaptive_pools(sizes):
    size, out = sizes
    ours = adaptive_average_pool_constant(out, input_size=size)
    assert ours == pytest.approx(exact_norm(nn.AdaptiveAvgPool2d(out), (1, *size)), rel=1e-6)
    pool = nn.AdaptiveMaxPool2d(out)
    peaks = 5 * torch.eye(math.prod(size)).view(-1, 1, *size)
    moved = (pool(peaks + 0.1 * (peaks > 0)) - pool(peaks)).flatten(1).norm(dim=1).max() / 0.1
    assert moved.item() == pytest.approx(adaptive_max_pool_constant(out, input_size=size), rel=1e-4)


def test_batch_norm_and_residual_sum():
    layer = nn.BatchNorm2d(3).eval()
    layer.weight.data, layer.running_var.data = torch.tensor([1.0, -4.0, 2.0]), torch.rand(3) + 0.1
    layer.bias = None
    exact = exact_norm(layer, (3, 2, 2))
    ours = batch_norm_constant(layer.weight, layer.running_var, layer.eps)
    assert ours == pytest.approx(exact, rel=1e-9)
    branch = nn.Conv2d(2, 2, 3, padding=1, bias=False)
    bounds = residual_sum_bounds(known_layers.bounds_of(branch, (2, 6, 6)))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = branch

        def forward(self, x):
            return x + self.branch(x)

    assert inside(bounds, exact_norm(Block(), (2, 6, 6)))


@pytest.mark.parametrize(
    ("epsilon", "gamma"), [(0.5, 0.5), (2.0, 1.0), (0.1, 0.3), (0.5, 4.0), (1, 0)]
)
def test_contrast_normalisation(epsilon, gamma):
    bounds = contrast_bounds(epsilon, gamma)

    def normalise(x):
        return x / (epsilon + x.square().sum()) ** gamma

    found = largest_jacobian(normalise, [torch.randn(5) * scale for scale in (1e-3, 0.3, 3)])
    assert found <= bounds.upper * (1 + 1e-12)
    assert found >= bounds.lower * (1 - 1e-3)


@pytest.mark.parametrize(
    ("size", "beta", "k", "channels"),
    [(5, 0.75, 2.0, 12), (3, 0.5, 1.0, 7), (4, 0.75, 1.0, 9), (5, 2.0, 0.5, 8), (9, 0.75, 1.0, 12)],
)
def test_lrn(size, beta, k, channels):
    bounds = lrn_bounds(size=size, alpha=1e-4, beta=beta, k=k, channels=channels)
    layer = nn.LocalResponseNorm(size, alpha=float(size), beta=beta, k=k)

    def normalise(x):
        return layer(x.view(1, channels, 1, 1)).flatten()

    starts = [torch.randn(channels) * scale for scale in (0.01, 0.3, 0.7, 1.5)]
    found = largest_jacobian(normalise, starts)
    assert bounds.lower == pytest.approx(k**-beta)
    assert found <= bounds.upper
    at_zero = torch.autograd.functional.jacobian(normalise, torch.zeros(channels).double())
    assert torch.linalg.matrix_norm(at_zero, 2).item() == pytest.approx(bounds.lower, rel=1e-9)


def test_alexnets_lrn_is_exact():
    bounds = lrn_bounds(size=5, alpha=1e-4, beta=0.75, k=2.0, channels=96)
    assert bounds.lower == pytest.approx(2**-0.75)
    assert bounds.upper <= bounds.lower * (1 + 1e-11)
    # a factor of the input alone
    assert lrn_bounds(size=5, alpha=7.0, beta=0.75, k=2.0, channels=96) == bounds
    assert lrn_bounds(size=5, alpha=0, beta=0.75, k=2.0, channels=96).upper == pytest.approx(
        bounds.lower
    )


def test_local_contrast_normalisation():
    axis = torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64)
    window, floor = axis[:, None] * axis, 0.3
    bounds = local_contrast_bounds(window, floor)
    filters = window.view(1, 1, 3, 3)

    def normalise(x):
        image = x.view(1, 1, 6, 6)
        centred = image - nn.functional.conv2d(image, filters, padding=1)
        deviation = nn.functional.conv2d(centred.square(), filters, padding=1)
        return (centred / deviation.clamp(min=floor**2).sqrt()).flatten()

    flat = torch.autograd.functional.jacobian(normalise, torch.zeros(36).double())
    assert torch.linalg.matrix_norm(flat, 2).item() >= bounds.lower
    starts = [torch.randn(36) * scale for scale in (0.05, 0.5, 2)]
    assert largest_jacobian(normalise, starts, steps=25) <= bounds.upper


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dense_bounds(torch.ones(3)), "needs a matrix"),
        (lambda: dense_bounds(torch.full((2, 2), torch.inf)), "NaN or infinity"),
        (lambda: max_pool_constant(3, padding=2, input_size=9), "give at most half"),
        (lambda: max_pool_constant(9, input_size=4), "give a larger input_size"),
        (lambda: lrn_bounds(size=0, alpha=1, beta=1, k=1, channels=3), "give at least 1"),
        (lambda: lrn_bounds(size=3, alpha=1, beta=1, k=0, channels=3), "give a positive k"),
        (lambda: contrast_bounds(0, 0.5), "give a positive epsilon"),
        (lambda: contrast_bounds(1, -0.5), "a gamma >= 0"),
        (lambda: local_contrast_bounds(torch.ones(3, 3), 1), "sum to 1"),
        (lambda: local_contrast_bounds(torch.ones(2, 3) / 6, 1), "odd size"),
        (lambda: batch_norm_constant(None, torch.tensor([torch.nan]), 1e-5), "not finite"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, words):
    with pytest.raises(BoundError, match=words):
        call()
