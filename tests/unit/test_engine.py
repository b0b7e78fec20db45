"""The steps of the batched optimiser, each against a dense or scalar computation of its own."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from oracles.bfgs import dense_bfgs_direction
from oracles.linear import nearest_point_dual

from intriguing.attacks import box, line_search
from intriguing.attacks.batching import Batch, Rows, work_through
from intriguing.attacks.curvature import CurvatureMemory
from intriguing.attacks.halfspaces import nearest_point
from intriguing.attacks.objective import (
    Classifier,
    Constraint,
    contenders,
    evaluate,
    target_margin,
)
from intriguing.attacks.ray import at_scale, nearest_on_ray
from intriguing.attacks.weight_search import WeightSearch


def test_free_variables_and_residual():
    images = torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.5, 0.5]])
    half_gradient = torch.tensor([[1.0, -0.2, 0.3, -1.0, 0.1, 0.75]])
    residual = box.residual(images, half_gradient)
    # how far a step against half the gradient gets before the box stops it
    torch.testing.assert_close(residual, torch.tensor([[0, -0.2, 0.3, 0, 0.1, 0.5]]))
    assert box.free_variables(residual).tolist() == [[0, 1, 1, 0, 1, 1]]


def test_directions_that_leave_the_box_are_cut_off_exactly():
    images = torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.5, 0.5, 0.0, 1.0]])
    directions = torch.tensor([[2.0, -2.0, 3.0, -3.0, 1e20, -1e20, -1e-20, 1e30]])
    inside = box.inward(directions, images)
    assert inside.tolist() == [[2.0, 0.0, 0.0, -3.0, *directions[0, 4:6].tolist(), 0.0, 0.0]]


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
        memory.push(steps, changes, torch.arange(rows))
        history.append((steps, changes))
    gradient = torch.randn(rows, n, **options)
    free = (torch.rand(rows, n, **options) > 0.3).double()
    weight = torch.tensor([0.1, 1.0, 3.0, 10.0], dtype=torch.float64)
    direction = memory.direction(gradient, free, weight)
    for i in range(rows):
        on = free[i].bool().numpy()
        recent = history[-size:]
        steps = [s[i].numpy()[on] for s, _ in recent]
        changes = [(2 * s[i] + weight[i] * d[i]).numpy()[on] for s, d in recent]
        expected = np.zeros(n)
        expected[on] = dense_bfgs_direction(steps, changes, gradient[i].numpy()[on])
        np.testing.assert_allclose(direction[i].numpy(), expected, rtol=1e-9, atol=1e-12)


def test_pairs_of_negative_curvature_are_left_out():
    memory = CurvatureMemory(1, 3, 2, dtype=torch.float64, device="cpu")
    steps = torch.tensor([[1.0, 0, 0]], dtype=torch.float64)
    memory.push(steps, -5 * steps, torch.tensor([0]))
    gradient, free = torch.ones(1, 3, dtype=torch.float64), torch.ones(1, 3, dtype=torch.float64)
    # y = 2 s - 5 c s: positive curvature for c = 0.1, negative for c = 1
    first = memory.direction(gradient, free, torch.tensor([0.1]).double())
    assert first[0, 0].item() == pytest.approx(-1 / 1.5)
    assert memory.direction(gradient, free, torch.tensor([1.0]).double())[0, 0] == -0.5


def test_refused_rows_keep_their_pairs():
    memory = CurvatureMemory(2, 2, 1, dtype=torch.float64, device="cpu")
    first = torch.ones(2, 2, dtype=torch.float64)
    memory.push(first, 3 * first, torch.tensor([0, 1]))
    memory.push(2 * first, 4 * first, torch.tensor([0]))
    assert memory.vectors[:, 0].tolist() == [[2, 2], [1, 1]]
    assert memory.vectors[:, 1].tolist() == [[4, 4], [3, 3]]


def test_line_search_conditions():
    value, slope = torch.tensor([1.0, 1.0]), torch.tensor([-1.0, -1.0])
    trial = torch.tensor([0.5, 2.0])
    accepted = line_search.sufficient_decrease(value, trial, slope)
    assert accepted.tolist() == [True, False]
    # parabola through f(0) = 1, f'(0) = -1, f(1) = 2 has its minimum at 1/4
    step = line_search.shorten(torch.ones(2), value, trial, slope)
    assert step[1].item() == pytest.approx(0.25)
    assert (step <= 0.5).all() and (step >= 0.1).all()
    assert line_search.lengthen(torch.tensor([0.1, 0.7])).tolist() == pytest.approx([0.2, 1.0])


def test_gradient_and_margin_against_autograd(sigmoid_net, digits):
    images, targets = digits.test_images[:6].flatten(1), torch.arange(6)
    everyone = contenders(targets, torch.full_like(targets, -1), 10, torch.float32)
    constraint = Constraint(targets, everyone, torch.zeros(6))
    seen = evaluate(Classifier(sigmoid_net, (1, 8, 8)), images, constraint)
    points = images.clone().requires_grad_(True)
    logits = sigmoid_net(points.view(-1, 1, 8, 8))
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), points)
    torch.testing.assert_close(seen.loss, loss.detach())
    torch.testing.assert_close(seen.gradient, gradient)
    for row, target, margin in zip(logits, targets, seen.margin, strict=True):
        others = [row[k].item() for k in range(10) if k != target]
        assert margin.item() == pytest.approx(row[target].item() - max(others), abs=1e-5)
    torch.testing.assert_close(seen.margin, target_margin(logits.detach(), targets))


def test_a_pair_of_classes_is_a_logistic_loss(sigmoid_net, digits):
    images, targets = digits.test_images[:6].flatten(1), torch.arange(6)
    rivals = (targets + 3) % 10
    allowed = contenders(targets, rivals, 10, torch.float32)
    constraint = Constraint(targets, allowed, torch.zeros(6))
    seen = evaluate(Classifier(sigmoid_net, (1, 8, 8)), images, constraint)
    points = images.clone().requires_grad_(True)
    logits = sigmoid_net(points.view(-1, 1, 8, 8))
    margin = (logits.gather(1, targets[:, None]) - logits.gather(1, rivals[:, None]))[:, 0]
    loss = torch.nn.functional.softplus(-margin)
    (gradient,) = torch.autograd.grad(loss.sum(), points)
    torch.testing.assert_close(seen.margin, margin.detach())
    torch.testing.assert_close(seen.loss, loss.detach())
    torch.testing.assert_close(seen.gradient, gradient)


@pytest.mark.parametrize("rows", [1, 5, 16, 37, 120])
def test_a_row_does_not_depend_on_its_company(sigmoid_net, digits, rows):
    classifier = Classifier(sigmoid_net, (1, 8, 8))
    images = digits.test_images[:120].flatten(1)
    whole, pullback = classifier.differentiate(images)
    upstream = torch.linspace(-1, 1, 1200).view(120, 10)
    part, pullback_of_part = classifier.differentiate(images[:rows])
    assert torch.equal(part, whole[:rows])
    assert torch.equal(pullback_of_part(upstream[:rows]), pullback(upstream)[:rows])
    assert torch.equal(classifier.logits(images[:rows]), whole[:rows])


@pytest.mark.parametrize("halfspaces", [1, 2, 4, 9])
def test_projection_on_box_and_halfspaces_against_scipy(halfspaces):
    generator = torch.Generator().manual_seed(halfspaces)
    rows, n = 40, 30
    options = {"generator": generator, "dtype": torch.float64}
    point = torch.rand(rows, n, **options)
    normals = torch.randn(rows, halfspaces, n, **options)
    inside = torch.rand(rows, n, **options)  # so that box and half-spaces meet
    offsets = (normals * inside[:, None]).sum(2) - 0.1
    zeros = torch.zeros_like(offsets)
    nearest, multipliers = nearest_point(point, normals, offsets, zeros, tolerance=1e-10)
    assert nearest.min() >= 0 and nearest.max() <= 1 and (multipliers >= 0).all()
    for i in range(rows):
        expected = nearest_point_dual(point[i].numpy(), normals[i].numpy(), offsets[i].numpy())
        np.testing.assert_allclose(nearest[i].numpy(), expected, atol=1e-5)
    # together or alone, from good multipliers or none: the same point
    again, _ = nearest_point(point[:1], normals[:1], offsets[:1], multipliers[:1], tolerance=1e-10)
    torch.testing.assert_close(again, nearest[:1], atol=1e-8, rtol=0)


def test_halfspaces_that_miss_the_box_give_a_point_of_the_box():
    nearest, _ = nearest_point(
        torch.full((1, 3), 0.5), torch.ones(1, 1, 3), torch.tensor([[9.0]]), torch.zeros(1, 1)
    )
    assert nearest.tolist() == [[1, 1, 1]]


def test_ray_ends_on_the_boundary(linear, digits):
    classifier = Classifier(linear, (1, 8, 8))
    images, labels = digits.test_images[:30].flatten(1), digits.test_labels[:30]
    allowed = torch.zeros(30, 10)
    moves = digits.test_images[30:60].flatten(1) - images
    targets = classifier.logits(images + moves).argmax(1)
    rows = (classifier.logits(images).argmax(1) == labels) & (targets != labels)
    images, moves, targets, allowed = images[rows], moves[rows], targets[rows], allowed[rows]
    required = torch.full((len(images),), 1e-3)
    slope = torch.ones(len(images))  # a bad guess
    constraint = Constraint(targets, allowed, required)
    scale, first = nearest_on_ray(classifier, images, moves, constraint, slope, tries=25)
    assert (first > 0).all() and (scale <= 1).all()
    margin = target_margin(classifier.logits(at_scale(images, moves, scale)), targets)
    closer = target_margin(classifier.logits(at_scale(images, moves, 0.999 * scale)), targets)
    assert (margin >= required).all() and (closer < required).all()


@dataclass(init=False, eq=False, repr=False)
class Seen(Rows):
    seen: torch.Tensor


@dataclass(init=False, eq=False, repr=False)
class Countdown(Batch):
    """Problem i needs i % 7 + 1 turns; its result is the sum of what it saw on the way."""

    left: torch.Tensor
    inner: Seen

    def __init__(self, number, rows):
        self._result = torch.zeros(number, dtype=torch.int64)
        self.owner = torch.arange(min(rows, number))
        self.left = self.owner % 7 + 1
        self.inner = Seen()
        self.inner.seen = torch.zeros_like(self.owner)
        self.done = torch.zeros_like(self.owner, dtype=torch.bool)

    def turn(self):
        self.inner.seen += torch.where(self.done, 0, self.owner)
        self.left -= 1
        self.done |= self.left <= 0

    def enter(self, rows, owner):
        self.owner[rows], self.left[rows] = owner, owner % 7 + 1
        self.inner.seen[rows], self.done[rows] = 0, False

    def leave(self, rows):
        self._result[self.owner[rows]] = self.inner.seen[rows]


@pytest.mark.parametrize("rows", [1, 3, 16, 100, 1000])
def test_every_problem_is_worked_through_once(rows):
    batch, finished = Countdown(100, rows), []
    work_through(batch, 100, finished.append)
    number = torch.arange(100)
    assert torch.equal(batch._result, number * (number % 7 + 1))
    assert sum(finished) == 100


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
        search.start(everyone, torch.ones(4, dtype=torch.float64), torch.full((4,), 4 / guess))
        working, turns, answers = everyone.clone(), 0, torch.full((4,), torch.nan).double()
        while working.any():
            weight = search.weight
            success, finished = search.update(working, curve(weight), torch.zeros_like(weight))
            answers = torch.where(success, weight, answers)
            working &= ~finished
            turns += 1
        assert ((answers / roots) - 1).abs().max() < 2e-3
        assert turns < 60


class Uneven(torch.nn.Module):
    """A linear model whose rows are rounded by where they stand."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(9, 4)

    def forward(self, images):
        logits = self.layer(images.flatten(1))
        places = torch.arange(len(images), dtype=logits.dtype)[:, None] % 4
        return logits * (1 + torch.finfo(logits.dtype).eps * places)


def test_rows_that_depend_on_their_place_are_evaluated_in_double_precision():
    torch.manual_seed(0)
    model = Uneven().eval()
    classifier = Classifier.independent(model, (1, 3, 3), 32, torch.device("cpu"))
    assert classifier.dtype == torch.float64
    points = torch.rand(1, 9).expand(40, 9).contiguous()
    logits, pullback = classifier.differentiate(points)
    gradient = pullback(torch.rand(1, 4).expand(40, 4))
    assert logits.dtype == gradient.dtype == torch.float32
    # the same for all rows, unlike the model's own
    assert (logits == logits[:1]).all() and (gradient == gradient[:1]).all()
    assert not (model(points) == model(points)[:1]).all()
    assert torch.allclose(classifier.logits(points), model(points), rtol=1e-5)
    assert next(model.parameters()).dtype == torch.float32

    class Even(torch.nn.Module):
        def forward(self, images):
            return images.flatten(1)[:, :4] * 2

    even = Classifier.independent(Even(), (1, 3, 3), 32, torch.device("cpu"))
    assert even.dtype == torch.float32


def test_rows_are_written_and_selected_in_nested_fields_too():
    batch, other = Countdown(10, 6), Countdown(2, 2)
    other.inner.seen += 7
    batch.put(torch.tensor([4, 1]), other)
    assert batch.owner.tolist() == [0, 1, 2, 3, 0, 5]
    assert batch.inner.seen.tolist() == [0, 7, 0, 0, 7, 0]
    batch.select(torch.tensor([1, 5]))
    assert batch.owner.tolist() == [1, 5] and batch.inner.seen.tolist() == [7, 0]
    # what is not a field stays
    assert len(batch._result) == 10
