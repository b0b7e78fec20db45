"""The steps of the batched optimiser, each against a dense or scalar computation of its own."""

import numpy as np
import pytest
import torch

from intriguing.attacks import box, line_search
from intriguing.attacks.curvature import CurvatureMemory
from intriguing.attacks.objective import evaluate, target_margin
from intriguing.attacks.weight_search import WeightSearch


def test_free_variables():
    images = torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.5]])
    gradient = torch.tensor([[1.0, -1.0, 1.0, -1.0, 1.0]])
    assert box.free_variables(images, gradient).tolist() == [[0, 1, 1, 0, 1]]


def dense_bfgs_direction(steps, changes, gradient):
    """-H g with H from the textbook update (Nocedal & Wright 6.17), started at I / 2."""
    n = len(gradient)
    inverse_hessian = np.eye(n) / 2
    for s, y in zip(steps, changes, strict=True):
        if s @ y <= 0:  # cut to the free variables, a pair can lose its curvature
            continue
        rho = 1 / (s @ y)
        left = np.eye(n) - rho * np.outer(s, y)
        inverse_hessian = left @ inverse_hessian @ left.T + rho * np.outer(s, s)
    return -inverse_hessian @ gradient


@pytest.mark.parametrize("pairs", [0, 1, 3, 5])
def test_direction_is_that_of_dense_bfgs_on_the_free_variables(pairs):
    generator = torch.Generator().manual_seed(pairs)
    rows, n, size = 4, 9, 3
    options = {"generator": generator, "dtype": torch.float64}
    memory = CurvatureMemory(rows, n, size, dtype=torch.float64, device="cpu")
    curved = [torch.rand(n, n, **options) for _ in range(rows)]
    hessians = [matrix @ matrix.T for matrix in curved]
    history = []
    for _ in range(pairs):
        steps = torch.randn(rows, n, **options)
        changes = torch.stack([h @ s for h, s in zip(hessians, steps, strict=True)])
        memory.push(steps, changes, torch.ones(rows, dtype=torch.bool))
        history.append((steps, changes))
    gradient = torch.randn(rows, n, **options)
    free = (torch.rand(rows, n, **options) > 0.3).double()
    weight = torch.tensor([0.1, 1.0, 3.0, 10.0], dtype=torch.float64)
    direction = memory.direction(gradient, free, weight)
    for i in range(rows):
        on = free[i].bool().numpy()
        kept = history[-size:]
        steps = [s[i].numpy()[on] for s, _ in kept]
        changes = [(2 * s[i] + weight[i] * d[i]).numpy()[on] for s, d in kept]
        expected = np.zeros(n)
        expected[on] = dense_bfgs_direction(steps, changes, gradient[i].numpy()[on])
        np.testing.assert_allclose(direction[i].numpy(), expected, rtol=1e-9, atol=1e-12)


def test_pairs_of_negative_curvature_are_left_out():
    memory = CurvatureMemory(1, 3, 2, dtype=torch.float64, device="cpu")
    steps = torch.tensor([[1.0, 0, 0]], dtype=torch.float64)
    memory.push(steps, -5 * steps, torch.tensor([True]))
    gradient, free = torch.ones(1, 3, dtype=torch.float64), torch.ones(1, 3, dtype=torch.float64)
    # y = 2 s - 5 c s: positive curvature for c = 0.1, negative for c = 1
    first = memory.direction(gradient, free, torch.tensor([0.1]).double())
    assert first[0, 0].item() == pytest.approx(-1 / 1.5)
    assert memory.direction(gradient, free, torch.tensor([1.0]).double())[0, 0] == -0.5


def test_refused_rows_keep_their_pairs():
    memory = CurvatureMemory(2, 2, 1, dtype=torch.float64, device="cpu")
    first = torch.ones(2, 2, dtype=torch.float64)
    memory.push(first, first, torch.tensor([True, True]))
    memory.push(2 * first, 2 * first, torch.tensor([True, False]))
    assert memory.steps[0].tolist() == [[2, 2], [1, 1]]


def test_line_search_conditions():
    value, gradient = torch.tensor([1.0, 1.0]), torch.tensor([[1.0], [1.0]])
    move, trial = torch.tensor([[-1.0], [-1.0]]), torch.tensor([0.5, 2.0])
    accepted = line_search.sufficient_decrease(value, trial, gradient, move)
    assert accepted.tolist() == [True, False]
    # parabola through f(0) = 1, f'(0) = -1, f(1) = 2 has its minimum at 1/4
    step = line_search.shorten(torch.ones(2), value, trial, gradient, move)
    assert step[1].item() == pytest.approx(0.25)
    assert (step <= 0.5).all() and (step >= 0.1).all()


def test_gradient_and_margin_against_autograd(sigmoid_net, digits):
    images, targets = digits.test_images[:6].flatten(1), torch.arange(6)
    seen = evaluate(sigmoid_net, images, targets, (1, 8, 8))
    points = images.clone().requires_grad_(True)
    logits = sigmoid_net(points.view(-1, 1, 8, 8))
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), points)
    torch.testing.assert_close(seen.loss, loss.detach())
    torch.testing.assert_close(seen.gradient, gradient)
    for row, target, margin in zip(logits, targets, seen.margin, strict=True):
        others = [row[k].item() for k in range(10) if k != target]
        assert margin.item() == pytest.approx(row[target].item() - max(others), abs=1e-5)
    assert torch.equal(seen.margin, target_margin(logits.detach(), targets))


@pytest.mark.parametrize("guess", [1e-12, 1e-3, 1.0, 1e6])
def test_weight_search_finds_the_root_of_any_increasing_margin(guess):
    roots = torch.tensor([1e-4, 0.3, 7.0, 2e5], dtype=torch.float64)
    curves = [
        lambda c: (c / roots).log(),
        lambda c: (c / roots) ** 3 - 1,
        lambda c: torch.where(c < roots, -1.0, 1.0),
    ]
    for curve in curves:
        search = WeightSearch(torch.zeros(4, dtype=torch.float64), 1e-3, 1e-3)
        everyone = torch.ones(4, dtype=torch.bool)
        search.start(everyone, -torch.ones(4, dtype=torch.float64), torch.full((4,), 4 / guess))
        working, turns, answers = everyone.clone(), 0, torch.full((4,), torch.nan).double()
        while working.any():
            weight = search.weight
            success, finished = search.update(working, curve(weight))
            answers = torch.where(success, weight, answers)
            working &= ~finished
            turns += 1
        assert ((answers / roots) - 1).abs().max() < 2e-3
        assert turns < 60
