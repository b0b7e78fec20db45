import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import nn

from intriguing import networks
from intriguing.errors import ModelError, TrainingError
from intriguing.training.classifier import train
from intriguing.training.minimisers import Adam, Lbfgs
from intriguing.training.sparse_code import Sparsity


@pytest.mark.parametrize(
    ("architecture", "options", "parameters"),
    [
        ("softmax", {}, 784 * 10 + 10),
        ("fully_connected", {"hidden": [100, 100]}, 784 * 100 + 100 + 100 * 100 + 100 + 1010),
        ("autoencoder", {"units": 400}, 784 * 400 + 400 + 400 * 784 + 784 + 4010),
    ],
)
def test_networks_have_the_papers_sizes(architecture, options, parameters):
    model = networks.build(architecture, (1, 28, 28), 10, **options)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize(
    ("architecture", "options", "words"),
    [
        ("perceptron", {}, "softmax, fully_connected, autoencoder"),
        ("softmax", {"hidden": [3]}, "hidden"),
        ("fully_connected", {"hidden": []}, "at least one"),
        ("fully_connected", {"hidden": [3], "activation": "step"}, "sigmoid, tanh, relu"),
        ("autoencoder", {"units": 0}, "positive"),
    ],
)
def test_what_cannot_be_built(architecture, options, words):
    with pytest.raises(ModelError, match=words):
        networks.build(architecture, (1, 8, 8), 10, **options)


def test_softmax_reaches_the_minimum_of_the_papers_objective(digits):
    # mean cross-entropy + decay * sum(w^2) / k, written again with scipy; convex: one minimum
    images, labels = digits.train_images.flatten(1).double().numpy(), digits.train_labels.numpy()
    decay = 0.05

    def objective(values):
        weight, bias = values[:640].reshape(10, 64), values[640:]
        scores = log_softmax(images @ weight.T + bias, axis=1)
        slope = np.exp(scores)
        slope[np.arange(len(labels)), labels] -= 1
        slope /= len(labels)
        value = -scores[np.arange(len(labels)), labels].mean() + decay * (weight**2).sum() / 10
        gradient = slope.T @ images + 2 * decay * weight / 10
        return value, np.concatenate([gradient.ravel(), slope.sum(0)])

    best = minimize(objective, np.zeros(650), jac=True, method="L-BFGS-B", tol=1e-12)
    torch.manual_seed(0)
    model = networks.build("softmax", (1, 8, 8), 10)
    history = train(
        model, digits.train_images, digits.train_labels, method=Lbfgs(), weight_decay=[decay]
    )
    reached = torch.cat([model[1].weight.flatten(), model[1].bias]).double().numpy()
    assert objective(reached)[0] == pytest.approx(best.fun, rel=1e-5)
    assert history.rows[-1]["objective"] == pytest.approx(best.fun, rel=1e-5)


def test_stronger_decay_gives_smaller_weights(digits):
    norms = []
    for decay in (1e-4, 1e-2, 1.0):
        torch.manual_seed(0)
        model = networks.build("softmax", (1, 8, 8), 10)
        train(
            model,
            digits.train_images,
            digits.train_labels,
            method=Lbfgs(iterations=100),
            weight_decay=[decay],
        )
        norms.append(model[1].weight.norm().item())
    assert norms == sorted(norms, reverse=True)


def test_adam_learns_and_is_reproducible(digits):
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        model = networks.build("fully_connected", (1, 8, 8), 10, hidden=[20])
        history = train(
            model,
            digits.train_images,
            digits.train_labels,
            method=Adam(epochs=10, batch_size=32, learning_rate=0.01),
            seed=3,
        )
        weights.append(model[1].weight)
    assert torch.equal(*weights)
    assert len(history.rows) == 10
    assert history.rows[-1]["error"] < 0.1 < history.rows[0]["error"]


def test_autoencoder_is_sparse_and_its_code_stays_frozen(digits):
    torch.manual_seed(0)
    model = networks.build("autoencoder", (1, 8, 8), 10, units=32)
    before = model.decode(model.encode(digits.test_images)).detach()
    sparsity = Sparsity(activation=0.15, penalty=3.0, decay=1e-4, method=Lbfgs(iterations=150))
    history = train(model, digits.train_images, digits.train_labels, method=Lbfgs(), code=sparsity)
    images = digits.test_images.flatten(1)
    after = model.decode(model.encode(digits.test_images))
    assert (after - images).square().mean() < 0.5 * (before - images).square().mean()
    mean = model.encode(digits.train_images).mean(0)
    assert (mean - 0.15).abs().mean() < 0.05
    phases = [row["phase"] for row in history.rows]
    assert phases == sorted(phases, reverse=True) and set(phases) == {"code", "classifier"}
    assert (model(digits.test_images).argmax(1) != digits.test_labels).float().mean() < 0.15


def test_a_diverging_objective_stops_with_a_remedy(digits):
    model = networks.build("softmax", (1, 8, 8), 10)
    images = digits.train_images.clone()
    images[5] = torch.nan
    with pytest.raises(TrainingError, match=r"became nan: lower the learning rate"):
        train(model, images, digits.train_labels, method=Lbfgs())


def test_decays_must_fit_the_layers(digits):
    model = networks.build("fully_connected", (1, 8, 8), 10, hidden=[5])
    with pytest.raises(TrainingError, match="3 values but the network has 2 layers"):
        train(
            model,
            digits.train_images,
            digits.train_labels,
            method=Adam(epochs=1),
            weight_decay=[1, 1, 1],
        )


def test_dropout_and_lbfgs_do_not_go_together(digits):
    model = networks.build("alexnet_style", (1, 8, 8), 10, channels=[2] * 5, dense=[4, 4])
    with pytest.raises(TrainingError, match=r"as dropout does.*training of its own, \{adam"):
        train(model, digits.train_images[:20], digits.train_labels[:20], method=Lbfgs())
    model = networks.build(
        "alexnet_style", (1, 8, 8), 10, channels=[2] * 5, dense=[4, 4], dropout=0
    )
    train(model, digits.train_images[:20], digits.train_labels[:20], method=Lbfgs(iterations=2))


def test_dropout_too_weak_to_be_seen_and_lbfgs_do_not_go_together(digits):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(1e-7), nn.Linear(64, 10))
    images, labels = digits.train_images[:20], digits.train_labels[:20]
    with pytest.raises(TrainingError, match="as dropout does"):
        train(model, images, labels, method=Lbfgs(iterations=2))
    model[1].p = 0.0
    train(model, images, labels, method=Lbfgs(iterations=2))
