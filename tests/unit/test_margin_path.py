"""The first-order path on the margin, on classifiers whose nearest points are known."""

import numpy as np
import pytest
import torch
from oracles.linear import least_distortion_linear
from torch import nn

from intriguing.attacks import margin_path
from intriguing.attacks.objective import Classifier
from intriguing.attacks.problems import Problems
from intriguing.attacks.solver import Work

MARGIN = 1e-3


def work(model, images):
    classifier = Classifier(model, images.shape[1:])
    return Work(classifier, 10, batch_size=512, at_hand=512, report=lambda number: None)


def scaled(linear, factor):
    layer = nn.Linear(64, 10)
    with torch.no_grad():
        layer.weight.copy_(factor * linear[1].weight)
        layer.bias.copy_(factor * linear[1].bias)
    return nn.Sequential(nn.Flatten(), layer).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def problems(linear, images, labels):
    correct = (linear(images).argmax(1) == labels).nonzero()[:40, 0]
    flat, labels = images[correct].flatten(1), labels[correct]
    return Problems.targeted(flat, (labels + 1) % 10, torch.full((len(labels),), MARGIN))


@pytest.fixture(scope="module")
def exact(linear, problems):
    weight, bias = (p.double().numpy() for p in (linear[1].weight, linear[1].bias))
    rows = zip(problems.originals.double().numpy(), problems.targets.tolist(), strict=True)
    return np.array([least_distortion_linear(weight, bias, x, t, MARGIN) for x, t in rows])


def excess(solution, problems, exact):
    assert solution.found.all()
    return (solution.distances(problems.originals).double().numpy() / exact).mean() - 1


# squares of the smallest gradients leave single precision
@pytest.mark.parametrize("factor", [1e-22, 1e-18, 1e-8, 1e-3, 1.0, 1e4])
def test_logits_of_any_scale_give_the_same_path(linear, images, problems, exact, factor):
    here = problems.take(torch.arange(len(problems)))
    here.required = factor * problems.required
    solution = margin_path.solve(work(scaled(linear, factor), images), here, 60)
    assert 0 <= excess(solution, here, exact) < 0.01
    plain = margin_path.solve(work(linear, images), problems, 60)
    # roundings may part two paths, but not by much
    torch.testing.assert_close(solution.images, plain.images, rtol=0, atol=0.02)


def test_a_longer_path_ends_nearer(linear, images, problems, exact):
    here = work(linear, images)
    excesses = [excess(margin_path.solve(here, problems, n), problems, exact) for n in (20, 40, 80)]
    assert excesses[0] > excesses[1] > excesses[2] > 0


def test_rivals_that_take_turns_do_not_delay_the_path(linear, images, problems, exact, monkeypatch):
    here = work(linear, images)
    softened = excess(margin_path.solve(here, problems, 30), problems, exact)
    monkeypatch.setattr(margin_path, "SOFTNESS", 0.0)
    assert softened < 0.9 * excess(margin_path.solve(here, problems, 30), problems, exact)


@pytest.mark.parametrize("targeted", [True, False])
def test_long_steps_end_nearer_where_there_are_kinks(
    relu_net, images, labels, targeted, monkeypatch
):
    here, flat = work(relu_net, images), images.flatten(1)
    required = torch.full((len(labels),), MARGIN)
    if targeted:
        problems = Problems.targeted(flat, (labels + 1) % 10, required)
    else:
        problems = Problems(flat, (labels + 1) % 10, labels, required)
    long = margin_path.solve(here, problems, 40)
    monkeypatch.setattr(margin_path, "LONGEST", 0.1)
    monkeypatch.setattr(margin_path, "LONGEST_PAIRED", 0.1)
    short = margin_path.solve(here, problems, 40)
    found = long.found & short.found
    assert found.sum() > 100
    distances = [each.distances(flat)[found].mean() for each in (long, short)]
    assert distances[0] < distances[1]


def test_a_path_goes_on_from_its_starts(linear, images, problems):
    here = work(linear, images)
    short = margin_path.solve(here, problems, 25)
    assert short.found.all()
    # a single step evaluates the start and no more
    same = margin_path.solve(here, problems, 1, starts=short.images)
    assert torch.equal(same.images, short.images) and torch.equal(same.found, short.found)
    further = margin_path.solve(here, problems, 12, starts=short.images)
    nearer = further.distances(problems.originals) <= short.distances(problems.originals)
    assert further.found.all() and nearer.all()
    assert torch.equal(further.evaluations, torch.full_like(further.evaluations, 12))


def test_points_found_have_the_required_margin(relu_net, images, labels):
    here = work(relu_net, images)
    flat, required = images.flatten(1), torch.full((len(labels),), 0.5)
    reached, found = [], 0
    for problems in (
        Problems.targeted(flat, (labels + 1) % 10, required),
        Problems(flat, (labels + 1) % 10, labels, required),
    ):
        solution = margin_path.solve(here, problems, 40)
        logits = here.classifier.logits(solution.images)
        others = logits.scatter(1, problems.targets[:, None], -torch.inf)
        paired = problems.rivals >= 0
        rival = logits.gather(1, labels[:, None])[:, 0]
        rival = torch.where(paired, rival, others.amax(1))
        margin = logits.gather(1, problems.targets[:, None])[:, 0] - rival
        assert (margin[solution.found] >= 0.5).all()
        assert solution.images.min() >= 0 and solution.images.max() <= 1
        found += int(solution.found.sum())
        reached.append(solution)
    assert found > 200
    # one rival is beaten sooner than all of them
    both = reached[0].found & reached[1].found
    targeted, paired = (solution.distances(flat)[both].mean() for solution in reached)
    assert paired < 0.99 * targeted
