"""Restarts from images of the target class, where the search from the original leads nowhere."""

import pytest
import torch
from torch import nn

from intriguing.attacks import lbfgs, minimum_distortion
from intriguing.attacks.restarts import MOST, MOST_BYTES, most
from intriguing.errors import AttackError


class Ridge(nn.Module):
    """Class 1 only inside a ball around a centre; its logit is flat elsewhere, the other's a bowl.

    From the origin the loss falls towards a plateau where both logits are constant.
    """

    def __init__(self, centre, radius):
        super().__init__()
        self.register_buffer("centre", centre)
        self.radius = radius

    def forward(self, images):
        flat = images.flatten(1)
        distance = (flat - self.centre).norm(dim=1)
        second = (self.radius - distance).relu() / self.radius - 0.1
        return torch.stack([torch.zeros_like(second), second], 1)


@pytest.fixture
def ridge():
    return Ridge(torch.full((16,), 0.8), 0.5).eval()


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    near_black = 0.1 * torch.rand(6, 1, 4, 4, generator=generator)
    within = 0.8 + 0.02 * torch.randn(3, 1, 4, 4, generator=generator)
    return torch.cat([near_black, within.clamp(0, 1)])


# the paper's method knows no more of the boundary than the line that its last minimiser lies on
@pytest.mark.parametrize(("attack", "excess"), [(lbfgs, 0.15), (minimum_distortion, 0.02)])
def test_what_has_no_gradient_is_found_from_an_exemplar(attack, excess, ridge, images):
    labels = torch.zeros(6, dtype=torch.int64)
    alone = attack(ridge, images[:6], labels, 1 - labels)
    assert not alone.success.any()
    adversarial = attack(ridge, images[:6], labels, 1 - labels, exemplars=images)
    assert adversarial.success.all()
    assert (ridge(adversarial.images).argmax(1) == 1).all()
    # the nearest point of the ball where the margin is met, on the straight line to its centre
    centre = ridge.centre.view(1, 4, 4)
    gap = (images[:6] - centre).flatten(1).norm(dim=1)
    least = (gap - 0.9 * ridge.radius) / 4
    assert (adversarial.distortion / least - 1).abs().max() < excess


def test_untargeted(ridge, images):
    labels = torch.zeros(6, dtype=torch.int64)
    assert not minimum_distortion(ridge, images[:6], labels).success.any()
    adversarial = minimum_distortion(ridge, images[:6], labels, exemplars=images)
    assert adversarial.success.all() and (adversarial.targets == 1).all()


class Shell(nn.Module):
    """A ball of class 1 within a larger one of class 2, which comes first on the way to it."""

    def forward(self, images):
        distance = (images.flatten(1) - 0.8).norm(dim=1)
        return torch.stack(
            [0 * distance, (0.4 - distance).relu() * 9, (1.2 - distance).relu()], 1
        ) - (torch.tensor([0.0, 0.1, 0.1]))


def test_untargeted_ends_at_the_class_that_is_nearest(images):
    adversarial = minimum_distortion(
        Shell().eval(), images[:6], torch.zeros(6, dtype=torch.int64), exemplars=images
    )
    assert adversarial.success.all() and (adversarial.targets == 2).all()
    least = ((images[:6].flatten(1) - 0.8).norm(dim=1) - 1.1) / 4
    assert (adversarial.distortion / least - 1).abs().max() < 0.02


def test_the_images_attacked_are_the_exemplars_by_default(ridge, images):
    labels = ridge(images).argmax(1)
    adversarial = lbfgs(ridge, images, labels, 1 - labels)
    assert adversarial.success.all()


def test_exemplars_do_not_change_what_is_found_without(sigmoid_net, digits):
    images, labels = digits.train_images[:60], digits.train_labels[:60]
    targets = (labels + 1) % 10
    one = lbfgs(sigmoid_net, images, labels, targets)
    other = lbfgs(sigmoid_net, images, labels, targets, exemplars=digits.train_images)
    assert torch.equal(one.images, other.images)


def test_exemplars_are_checked(ridge, images):
    labels = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(AttackError, match=r"exemplars are of shape .*images of shape"):
        lbfgs(ridge, images[:2], labels, 1 - labels, exemplars=torch.rand(3, 1, 5, 5))
    with pytest.raises(AttackError, match=r"leaves \[0, 1\]"):
        lbfgs(ridge, images[:2], labels, 1 - labels, exemplars=2 + images)


def test_large_images_do_not_fill_the_memory():
    assert most(28 * 28) == MOST
    large = 3 * 227 * 227
    assert 1 <= most(large) * 4 * large <= MOST_BYTES
