"""Contractive training, against numpy's singular values and the certified bounds."""

import numpy as np
import pytest
import torch
from torch import nn

from intriguing import networks
from intriguing.errors import TrainingError
from intriguing.lipschitz.activations import slopes
from intriguing.lipschitz.network import network_bounds
from intriguing.training import contraction
from intriguing.training.contraction import SLOPES, Contraction, clip_norm, raise_norms
from intriguing.training.minimisers import Adam, Lbfgs
from intriguing.training.objective import History


def network(activation="sigmoid", seed=0):
    torch.manual_seed(seed)
    options = {"hidden": [20, 15], "activation": activation}
    return networks.build("fully_connected", (1, 8, 8), 10, **options)


def fit(contraction, model, digits, **options):
    settings = {"method": Adam(epochs=4, batch_size=64, learning_rate=5e-3), "weight_decay": ()}
    data = (digits.train_images, digits.train_labels)
    contraction.fit(model, data, seed=1, history=History(), **(settings | options))


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_clipping_is_the_projection_by_numpys_svd(shape):
    weight = torch.randn(*shape, generator=torch.Generator().manual_seed(3))
    left, values, right = np.linalg.svd(weight.numpy().astype(float), full_matrices=False)
    limit = float(np.median(values))
    expected = left * np.minimum(values, limit) @ right
    clip_norm(weight, limit)
    assert weight.numpy() == pytest.approx(expected, abs=1e-5)
    before = weight.clone()
    clip_norm(weight, 2 * limit)
    assert torch.equal(weight, before)


def test_the_clipped_matrix_is_the_nearest():
    # the projection on a convex set: its residual is at an obtuse angle to the whole set
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(6, 8, generator=generator, dtype=torch.float64)
    clipped = weight.clone()
    clip_norm(clipped, 1.5)
    for _ in range(50):
        other = torch.randn(6, 8, generator=generator, dtype=torch.float64)
        other *= 1.5 / torch.linalg.matrix_norm(other, 2)
        assert ((weight - clipped) * (other - clipped)).sum() <= 1e-9


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_raised_norms_are_all_the_same(shape):
    weight = torch.randn(*shape, generator=torch.Generator().manual_seed(3))
    raise_norms(weight, 2.5)
    assert np.linalg.svd(weight.numpy(), compute_uv=False) == pytest.approx(np.full(5, 2.5))


@pytest.mark.parametrize(
    ("activation", "constant"), [("sigmoid", 1.0), ("sigmoid", 4.0), ("tanh", 2.0), ("relu", 2.0)]
)
def test_the_certified_constant_is_at_most_that_asked_for(digits, activation, constant):
    model = network(activation)
    fit(Contraction(constant), model, digits)
    bounds = network_bounds(model, (1, 8, 8), digits.test_images[:50])
    # the product alone, which is what training limits, and the tighter bound
    assert bounds.product <= constant and bounds.upper <= constant
    assert 0.05 * constant < bounds.lower <= bounds.upper


def test_the_limit_also_holds_without_a_hidden_layer(digits):
    torch.manual_seed(0)
    model = networks.build("softmax", (1, 8, 8), 10)
    fit(Contraction(0.5), model, digits)
    assert np.linalg.norm(model[1].weight.numpy(), 2) <= 0.5


def test_training_is_reproducible(digits):
    weights = []
    for _ in range(2):
        model = network()
        fit(Contraction(1.0), model, digits, method=Adam(epochs=1))
        weights.append(model[1].weight)
    assert torch.equal(*weights)


def test_slopes_are_those_of_the_bounds():
    assert {kind: slopes(kind())[1] for kind in SLOPES} == SLOPES


@pytest.mark.parametrize("constant", [0, -1.0, float("inf"), float("nan")])
def test_a_constant_that_cannot_be(digits, constant):
    with pytest.raises(TrainingError, match=r"constant is .*: give a finite number greater than 0"):
        fit(Contraction(constant), network(), digits)


def test_a_temperature_that_cannot_be(digits):
    with pytest.raises(TrainingError, match="temperature is 0"):
        fit(Contraction(1.0, temperature=0), network(), digits)


def test_contraction_needs_mini_batches_and_dense_layers(digits):
    with pytest.raises(TrainingError, match="contraction changes the objective at every step"):
        fit(Contraction(1.0), network(), digits, method=Lbfgs())
    with pytest.raises(TrainingError, match="choose the architecture fully_connected"):
        fit(Contraction(1.0), nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), digits)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_no_projection(value):
    weight = torch.ones(3, 4)
    weight[1, 2] = value
    with pytest.raises(TrainingError, match=r"became NaN or infinite.*lower the learning rate"):
        clip_norm(weight, 1.0)


def test_the_objective_is_the_cross_entropy_of_warmed_logits(digits, monkeypatch):
    objectives = []

    def caught(model, objective, *others):
        objectives.append(objective)

    monkeypatch.setattr(contraction, "minimise", caught)
    model = network()
    fit(Contraction(3.0, temperature=7.0), model, digits)
    rows = torch.arange(0, 200, 3)
    value, wrong = objectives[0](rows)
    # the weights are below their limits, and stay as they are
    logits = model(digits.train_images[rows]).detach().double().numpy()
    labels = digits.train_labels[rows].numpy()
    scores = 7 * logits
    own = scores[np.arange(len(labels)), labels]
    losses = np.log(np.exp(scores).sum(1)) - own
    assert value.item() == pytest.approx(losses.mean() / 7, rel=1e-5)
    assert wrong.item() == pytest.approx((logits.argmax(1) != labels).mean())
