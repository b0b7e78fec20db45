"""Adversarial training with pools of examples for the output of each layer."""

import copy

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn
from torch.nn import functional

from intriguing import networks
from intriguing.errors import TrainingError
from intriguing.training.classifier import train
from intriguing.training.layer_outputs import layer_outputs
from intriguing.training.layer_pools import LayerPools, Perturbation, Pool
from intriguing.training.minimisers import Adam, Lbfgs
from intriguing.training.nearest_boundary import nearest_boundary, towards_boundary
from intriguing.training.objective import History
from intriguing.training.weights import decayed, decays_of, dense_layers


def network(seed=0, **options):
    torch.manual_seed(seed)
    return networks.build("fully_connected", (1, 8, 8), 10, hidden=[20, 15], **options)


@pytest.fixture(scope="module")
def trained(digits):
    model = network()
    method = Adam(epochs=15, batch_size=64, learning_rate=0.02)
    train(model, digits.train_images, digits.train_labels, method=method)
    return model


def fit(pools, model, digits, **options):
    history = History()
    settings = {"method": Adam(epochs=2, batch_size=64), "weight_decay": (), "seed": 1}
    data = (digits.train_images, digits.train_labels)
    pools.fit(model, data, history=history, **(settings | options))
    return history


def test_the_two_parts_of_a_network_are_the_network(digits):
    model = network(dropout=0.3).eval()
    outputs = layer_outputs(model)
    assert list(outputs) == ["input", "hidden1", "hidden2"]
    images = digits.test_images[:5]
    for output in outputs.values():
        points = output.below(images)
        assert torch.equal(output.above(points), model(images))
        assert points.min() >= output.box[0] and points.max() <= output.box[1]
    assert [output.below(images).shape[1] for output in outputs.values()] == [64, 20, 15]
    assert layer_outputs(network(activation="tanh"))["hidden1"].box == (-1.0, 1.0)


def test_a_network_of_other_layers_has_no_outputs():
    model = networks.build("alexnet_style", (1, 8, 8), 10, channels=[2] * 5, dense=[4, 4])
    with pytest.raises(TrainingError, match="choose the architecture fully_connected or softmax"):
        layer_outputs(model)


@pytest.mark.parametrize("name", ["input", "hidden1", "hidden2"])
def test_a_pool_moves_the_layers_above_it_alone(digits, name):
    model = network()
    output = layer_outputs(model)[name]
    data, generator = (digits.train_images, digits.train_labels), torch.Generator().manual_seed(0)
    pool = Pool(output, Perturbation(0.1), data, 50, generator)
    pool.loss(30, generator).backward()
    moved = [m.weight.grad is not None for m in model if isinstance(m, nn.Linear)]
    below = ["input", "hidden1", "hidden2"].index(name)
    assert moved == [False] * below + [True] * (3 - below)


def test_with_the_share_1_the_layers_below_stay_as_they_were(digits):
    model = network()
    before = copy.deepcopy(model)
    fit(LayerPools(layers=["hidden2"], share=1.0), model, digits)
    linear = [m for m in model if isinstance(m, nn.Linear)]
    old = [m for m in before if isinstance(m, nn.Linear)]
    assert [torch.equal(a.weight, b.weight) for a, b in zip(linear, old, strict=True)] == [
        True,
        True,
        False,
    ]


def test_the_share_asked_for_is_replaced_and_the_rest_stays(digits, trained):
    data, generator = (digits.train_images, digits.train_labels), torch.Generator().manual_seed(0)
    pool = Pool(layer_outputs(trained)["hidden1"], Perturbation(0.1), data, 80, generator)
    before = pool.points.clone()
    pool.replace(0.25, generator)
    assert (pool.points != before).any(1).sum() == 20
    pool.replace(0.0, generator)
    # new examples are those of the present weights
    moved = Pool(layer_outputs(network(3))["hidden1"], pool.perturbation, data, 80, generator)
    assert moved.points.shape == before.shape


def test_perturbations_have_the_size_asked_for_and_stay_in_the_box(digits, trained):
    output = layer_outputs(trained)["hidden2"]
    images, labels = digits.train_images[:100], digits.train_labels[:100]
    originals = output.below(images)
    free = towards_boundary(output.above, originals, labels, 0.2)
    assert torch.allclose((free - originals).norm(dim=1), torch.tensor(0.2), rtol=1e-4)
    points = Perturbation(0.2).of(output, images, labels, torch.Generator())
    sizes = (points - originals).square().mean(1).sqrt()
    assert sizes.max() <= 0.2 * (1 + 1e-5) and points.min() >= 0 and points.max() <= 1
    # the loss of every point rises, although softmax is saturated at many
    before = functional.cross_entropy(output.above(originals), labels, reduction="none")
    after = functional.cross_entropy(output.above(points), labels, reduction="none")
    assert (after > before).all()


def test_on_a_linear_network_the_nearest_boundary_is_the_exact_one():
    # the least distance of each pair of classes is a convex problem, solved by scipy
    generator = torch.Generator().manual_seed(2)
    model = nn.Linear(6, 3).double()
    points = torch.rand(8, 6, generator=generator).double()
    labels = model(points).argmax(1)
    moved, reached = nearest_boundary(model, points, labels, (0.0, 1.0))
    assert reached.any() and (model(moved).argmax(1) != labels)[reached].all()
    weight, bias = model.weight.detach().numpy(), model.bias.detach().numpy()
    for point, label, found, ok in zip(points.numpy(), labels, moved.numpy(), reached, strict=True):
        exact = np.inf
        for other in set(range(3)) - {label.item()}:
            slope, offset = weight[other] - weight[label], bias[other] - bias[label]
            result = minimize(
                lambda z, x=point: ((z - x) ** 2).sum(),
                point,
                jac=lambda z, x=point: 2 * (z - x),
                bounds=[(0, 1)] * 6,
                constraints={"type": "ineq", "fun": lambda z, s=slope, o=offset: s @ z + o},
                method="SLSQP",
            )
            exact = min(exact, np.sqrt(result.fun)) if result.success else exact
        if ok:
            # the box makes the steps of DeepFool end further away, a little
            assert exact * 0.999 <= np.linalg.norm(found - point) <= exact * 1.3


def test_what_is_misclassified_or_not_reached_stays(digits, trained):
    images = digits.train_images[:50].flatten(1)
    wrong = (trained(images).argmax(1) + 1) % 10
    points, reached = nearest_boundary(trained, images, wrong, (0.0, 1.0))
    assert not reached.any() and torch.equal(points, images)


def test_training_is_reproducible_and_learns(digits):
    weights = []
    for _ in range(2):
        model = network(dropout=0.1)
        torch.manual_seed(0)
        method = Adam(epochs=12, batch_size=64, learning_rate=0.02)
        pools = LayerPools(distortions=[0.05, 0.02, 0.05], pool=64)
        history = fit(pools, model, digits, method=method, weight_decay=[1e-5] * 3)
        weights.append(model[1].weight)
    assert torch.equal(*weights)
    assert len(history.rows) == 12 and not model.training
    assert (model(digits.test_images).argmax(1) != digits.test_labels).float().mean() < 0.1


def test_without_a_share_it_is_the_usual_training(digits):
    settings = {"method": Adam(epochs=2, batch_size=64), "weight_decay": [1e-3] * 3, "seed": 4}
    usual, pooled = network(), network()
    train(usual, digits.train_images, digits.train_labels, **settings)
    fit(LayerPools(share=0.0), pooled, digits, **settings)
    for ours, theirs in zip(pooled.parameters(), usual.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_pools_make_a_network_harder_to_fool(digits):
    distances = []
    for pools in (LayerPools(share=0.0), LayerPools(["input"], distortions=0.1, replaced=0.5)):
        model = network()
        fit(pools, model, digits, method=Adam(epochs=15, batch_size=64, learning_rate=0.02))
        images, labels = digits.test_images[:200].flatten(1), digits.test_labels[:200]
        points, reached = nearest_boundary(model, images, labels, (0.0, 1.0))
        distances.append((points - images)[reached].norm(dim=1).mean().item())
    assert distances[1] > 1.3 * distances[0]


def test_random_perturbations_have_the_same_size_and_no_direction(digits):
    model = network()
    output = layer_outputs(model)["hidden1"]
    images, labels = digits.train_images[:100], digits.train_labels[:100]
    originals = output.below(images).detach()
    generator = torch.Generator().manual_seed(0)
    points = Perturbation(0.01, random=True).of(output, images, labels, generator)
    moved = points - originals
    sizes = moved.square().mean(1).sqrt()
    # the box takes a little away
    assert sizes.max() <= 0.01 * (1 + 1e-4) and sizes.mean() > 0.0095
    against = Perturbation(0.01).of(output, images, labels, generator) - originals
    cosines = nn.functional.cosine_similarity(moved, against)
    assert cosines.abs().mean() < 0.3
    again = Perturbation(0.01, random=True).of(
        output, images, labels, torch.Generator().manual_seed(0)
    )
    assert torch.equal(points, again)


def test_decay_is_that_of_the_papers_objective():
    model = network()
    layers, zero = dense_layers(model), torch.zeros(())
    expected = sum(
        s * (m.weight.detach().numpy() ** 2).sum() / len(m.bias)
        for s, m in zip([1, 2, 3], layers, strict=True)
    )
    decays = decays_of(layers, [1, 2, 3])
    assert decayed(zero, decays).item() == pytest.approx(expected, rel=1e-5)
    assert decayed(zero, decays_of(layers, [])).item() == 0
    with pytest.raises(TrainingError, match="2 values but the network has 3 layers"):
        decays_of(layers, [1, 2])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": ["hidden3"]}, "'hidden3', which does not exist: choose from input, hidden1"),
        ({"random": True, "distortions": 0}, "random perturbations have no boundary to go to"),
        ({"pool": 0}, "pool is 0: give a number of at least 1"),
        ({"replaced": 1.5}, "replaced is 1.5: give a number from 0 to 1"),
        ({"share": -1}, "share is -1: give a number from 0 to 1"),
        ({"amplification": 0}, "amplification is 0: give a positive number"),
        ({"distortions": [0.1]}, "for 3 pools: give one number of at least 0, or one for each"),
    ],
)
def test_settings_that_cannot_be_used(digits, settings, words):
    with pytest.raises(TrainingError, match=words):
        fit(LayerPools(**settings), network(), digits)


def test_pools_need_mini_batches(digits):
    with pytest.raises(TrainingError, match=r"adversarial changes the objective.*\{adam: \{\}\}"):
        fit(LayerPools(), network(), digits, method=Lbfgs())


def test_a_small_pool_is_replaced_as_well(digits):
    data, generator = (digits.train_images, digits.train_labels), torch.Generator().manual_seed(0)
    pool = Pool(layer_outputs(network())["hidden1"], Perturbation(0.1), data, 3, generator)
    before = pool.points.clone()
    pool.replace(0.0, generator)
    assert torch.equal(pool.points, before)
    pool.replace(0.1, generator)
    assert (pool.points != before).any(1).sum() == 1


def test_dropout_is_off_while_examples_are_made_and_stays_as_it_was(digits):
    images, labels = digits.train_images[:50], digits.train_labels[:50]
    model = network(dropout=0.5)
    model[0].eval()
    modes = [module.training for module in model.modules()]
    found = []
    for changed in (model, copy.deepcopy(model).eval()):
        output = layer_outputs(changed)["hidden1"]
        found.append(Perturbation(0.1).of(output, images, labels, torch.Generator()))
        if changed is model:
            assert [module.training for module in model.modules()] == modes
        else:
            assert not any(module.training for module in changed.modules())
    assert torch.equal(*found)


def test_amplification_is_the_factor_of_the_way_to_the_boundary(digits, trained):
    output = layer_outputs(trained)["hidden1"]
    images, labels = digits.train_images[:50], digits.train_labels[:50]
    originals = output.below(images)
    half, whole, double = (
        Perturbation(0, factor).of(output, images, labels, torch.Generator()) - originals
        for factor in (0.5, 1.0, 2.0)
    )
    assert whole.abs().max() > 0.05
    assert torch.allclose(half, whole / 2, atol=1e-6)
    assert torch.allclose(originals + double, (originals + 2 * whole).clamp(0, 1), atol=1e-6)


def test_layers_take_turns(digits, monkeypatch):
    used, plain = [], Pool.loss

    def recorded(self, *arguments):
        used.append(self.output.name)
        return plain(self, *arguments)

    monkeypatch.setattr(Pool, "loss", recorded)
    fit(LayerPools(pool=8), network(), digits, method=Adam(epochs=1, batch_size=200))
    assert len(used) > 6
    assert used == (["input", "hidden1", "hidden2"] * len(used))[: len(used)]
