import pytest
import torch

from intriguing.networks import build
from intriguing.training.classifier import train
from intriguing.training.minimisers import Lbfgs


def trained(digits, architecture, decay, seed=0, **options):
    torch.manual_seed(seed)
    model = build(architecture, (1, 8, 8), 10, **options)
    train(
        model,
        digits.train_images,
        digits.train_labels,
        method=Lbfgs(iterations=200),
        weight_decay=decay,
    )
    return model


@pytest.fixture(scope="session")
def linear(digits):
    """A softmax layer on 8x8 digits."""
    return trained(digits, "softmax", [1e-3])


@pytest.fixture(scope="session")
def relu_net(digits):
    """A 64-50-50-10 ReLU net without decay on 8x8 digits: steep and not smooth."""
    return trained(digits, "fully_connected", [], hidden=[50, 50], activation="relu")


@pytest.fixture(scope="session")
def sigmoid_net(digits):
    """A 64-25-25-10 sigmoid net on 8x8 digits."""
    return trained(
        digits, "fully_connected", [1e-5, 1e-5, 1e-6], hidden=[25, 25], activation="sigmoid"
    )
