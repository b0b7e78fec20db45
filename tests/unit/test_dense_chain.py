"""Constants of chains of dense layers whose activations have slopes in any interval."""

import itertools
import math

import pytest
import torch

from intriguing.lipschitz.chain import DenseChain


def weights(sizes, seed):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(after, before, generator=generator).double() / math.sqrt(before)
        for before, after in itertools.pairwise(sizes)
    ]


def largest_found(layers, slopes, seed):
    """Largest norm over slopes of each unit at one of its ends, by changing one at a time."""
    generator = torch.Generator().manual_seed(seed)
    units = [torch.rand(len(layer), generator=generator) < 0.5 for layer in layers[:-1]]

    def norm():
        product = layers[0]
        for layer, chosen in zip(layers[1:], units, strict=True):
            ends = torch.where(chosen, *map(float, slopes)).double()
            product = layer @ (ends[:, None] * product)
        return torch.linalg.matrix_norm(product, 2).item()

    best = norm()
    for _ in range(3):
        for chosen in units:
            for unit in range(len(chosen)):
                chosen[unit] = ~chosen[unit]
                value = norm()
                if value > best:
                    best = value
                else:
                    chosen[unit] = ~chosen[unit]
    return best


@pytest.mark.parametrize(
    "slopes",
    [(0, 1), (0, 0.25), (0.3, 1), (0.9, 1), (1, 1), (-0.13, 1.13), (-0.5, 1.5), (-1, 1), (-1, 0.2)],
)
def test_no_slopes_give_more(slopes):
    for seed, sizes in enumerate([(9, 7, 4), (6, 8, 8, 3), (5, 6, 6, 6, 2)]):
        layers = weights(sizes, seed)
        chain = DenseChain(layers, [slopes] * (len(layers) - 1))
        found = max(largest_found(layers, slopes, number) for number in range(3))
        product = math.prod(torch.linalg.matrix_norm(layer, 2).item() for layer in layers)
        product *= max(map(abs, slopes)) ** (len(layers) - 1)
        assert found <= chain.best_constant() * (1 + 1e-9)
        assert chain.best_constant() <= chain.constant() <= product * (1 + 1e-6)
        # of one pair, as of a network with one logit
        last = layers[-1][0] - layers[-1][1]
        pair = largest_found([*layers[:-1], last[None]], slopes, 0)
        assert pair <= chain.pairwise()[0, 1] * (1 + 1e-9)


def test_multipliers_use_units_that_are_alone():
    # |x_1| + |x_2| of two inputs of different scales, by the multipliers of LipSDP: exact
    first, last = torch.diag(torch.tensor([1.0, 0.1])), torch.ones(1, 2)
    chain = DenseChain([first, last], [(0.0, 1.0)])
    exact = math.sqrt(1.0 + 0.01)
    assert exact <= chain.best_constant() <= exact * 1.01 < chain.constant()


@pytest.mark.parametrize("slope", [1.0, 0.25])
def test_agrees_with_the_authors_code(slope):
    authors = pytest.importorskip("eclipse_nn.eclipsE_fast")
    for seed, sizes in enumerate([(16, 9, 5), (20, 30, 30, 10)]):
        layers = weights(sizes, seed)
        ends = [[end] * (len(layers) - 1) for end in (0.0, slope)]
        chain = DenseChain(layers, list(zip(*ends, strict=True)))
        assert authors.ECLipsE_Fast(layers, *ends).item() == pytest.approx(chain.constant())
