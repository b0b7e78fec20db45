"""The nearest boundary on linear networks, where it is known exactly."""

import math

import pytest
import torch
from torch import nn

from intriguing.training.nearest_boundary import LONGEST, STEPS, nearest_boundary

WIDE = (-100.0, 100.0)


def test_inside_a_wide_box_the_distance_is_the_exact_one():
    generator = torch.Generator().manual_seed(2)
    torch.manual_seed(0)
    model = nn.Linear(6, 3).double()
    points = torch.rand(30, 6, generator=generator, dtype=torch.float64)
    labels = model(points).argmax(1)
    moved, reached = nearest_boundary(model, points, labels, WIDE)
    assert reached.all()
    logits, weight = model(points).detach(), model.weight.detach()
    for point, label, row, found in zip(points, labels, logits, moved, strict=True):
        exact = min(
            (row[label] - row[other]) / (weight[label] - weight[other]).norm()
            for other in range(3)
            if other != label
        )
        # the steps go further, the bisection comes back
        assert exact < (found - point).norm() <= 1.01 * exact


def two_classes(slopes, gap):
    """A network whose second class is ahead by ``slopes @ x - gap``."""
    model = nn.Linear(len(slopes), 2).double()
    model.weight.data = torch.tensor([[0.0] * len(slopes), slopes], dtype=torch.float64)
    model.bias.data = torch.tensor([0.0, -gap], dtype=torch.float64)
    return model


def test_coordinates_at_a_side_of_the_box_leave_the_way_to_the_others():
    # the first coordinate has the steepest slope and cannot grow, nor can the second fall
    model = two_classes([10.0, -10.0, 1.0], 10.5)
    points = torch.tensor([[1.0, 0.0, 0.2]], dtype=torch.float64)
    moved, reached = nearest_boundary(model, points, torch.tensor([0]), (0.0, 1.0))
    assert reached.all()
    assert moved[0, :2].tolist() == [1.0, 0.0]
    assert 0.3 < moved[0, 2].item() - 0.2 < 0.3 * 1.01


@pytest.mark.parametrize(("share", "within"), [(0.9, True), (1.1, False)])
def test_no_step_is_longer_than_the_longest(share, within):
    length = share * STEPS * LONGEST * math.sqrt(4)
    points = torch.zeros(1, 4, dtype=torch.float64)
    model = two_classes([1.0, 0.0, 0.0, 0.0], length)
    moved, reached = nearest_boundary(model, points, torch.tensor([0]), WIDE)
    assert reached.item() == within
    assert within or torch.equal(moved, points)
