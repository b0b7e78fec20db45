"""The attacks against the paper's method, written down literally with scipy."""

import numpy as np
import pytest
import torch
from oracles.distances import norms
from oracles.literal import literal_lbfgs

from intriguing.attacks import lbfgs, minimum_distortion

MARGIN = 1e-4


@pytest.fixture(scope="module")
def adversarial(sigmoid_net, images, labels):
    return lbfgs(sigmoid_net, images, labels, (labels + 1) % 10)


def literal_norm(model, image, target, bisections=15):
    found = literal_lbfgs(model, image, target, MARGIN, bisections)
    return np.linalg.norm(found - image.flatten().double().numpy())


def test_convolutional_net(convolutional, images, labels):
    images, labels = images[:80], labels[:80]
    targets = (labels + 1) % 10
    paper = lbfgs(convolutional, images, labels, targets)
    nearest = minimum_distortion(convolutional, images, labels, targets)
    anywhere = minimum_distortion(convolutional, images, labels)
    assert paper.success_rate == nearest.success_rate == anywhere.success_rate == 1.0
    # another start towards the class reached finds nothing much nearer
    reached = torch.where(anywhere.success, anywhere.targets, targets)
    towards = minimum_distortion(convolutional, images, labels, reached)
    assert norms(anywhere, images).mean() <= 1.002 * norms(towards, images).mean()
    few = paper.success.nonzero()[:6, 0].tolist()
    # c to 1 %, and so the norm to a fraction of that
    literal = [literal_norm(convolutional, images[i], targets[i].item(), 10) for i in few]
    assert (norms(paper, images)[few] / literal).mean() < 1.02
    assert (norms(nearest, images)[few] / literal).mean() < 1.0


def test_agrees_with_the_literal_method(sigmoid_net, images, labels, adversarial):
    rows = adversarial.attacked.nonzero()[:12, 0]
    literal = np.array(
        [literal_norm(sigmoid_net, images[i], adversarial.targets[i].item()) for i in rows.tolist()]
    )
    ratio = norms(adversarial, images)[rows] / literal
    # single images of a non-convex net may end in another valley, in either direction
    assert np.median(np.abs(ratio - 1)) < 0.002
    assert abs(ratio.mean() - 1) < 0.03


def test_relu_net_against_the_literal_method(relu_net, images, labels):
    adversarial = lbfgs(relu_net, images, labels, (labels + 1) % 10)
    assert adversarial.success_rate == 1.0
    rows = adversarial.attacked.nonzero()[:12, 0].tolist()
    targets = adversarial.targets.tolist()
    literal = [literal_norm(relu_net, images[i], targets[i], 10) for i in rows]
    ratio = norms(adversarial, images)[rows] / literal
    assert ratio.max() < 1.2 and ratio.mean() < 1.02
