"""Training on working sets, against scipy, plain L-BFGS and the objective written again."""

import copy

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn
from torch.nn import functional

from intriguing import networks
from intriguing.errors import TrainingError
from intriguing.training import working_set
from intriguing.training.classifier import CrossEntropy, train
from intriguing.training.minimisers import Lbfgs, minimise
from intriguing.training.objective import History
from intriguing.training.sparse_code import Sparsity
from intriguing.training.working_set import Surrogate, WorkingSet, choose, evaluate

DECAY = (1e-5, 1e-5, 1e-6)


def network(seed=0):
    torch.manual_seed(seed)
    return networks.build("fully_connected", (1, 8, 8), 10, hidden=[25, 25])


def again(model, images, labels, decays):
    """The paper's objective, in double precision and without any code of the library."""
    model = copy.deepcopy(model).double()
    value = functional.cross_entropy(model(images.double()), labels)
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    return value + sum(
        decay * (layer.weight**2).sum() / len(layer.bias)
        for decay, layer in zip(decays, layers, strict=True)
    )


@pytest.fixture
def clusters():
    """1500 points: two far clusters, and 30 of them near the plane between the two."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(1500) % 2
    centres = torch.where(labels == 1, 6.0, -6.0)
    centres[:30] /= 12
    points = torch.randn(1500, 5, generator=generator)
    points[:, 0] += centres
    return points, labels


def test_a_convex_objective_has_scipys_minimum(clusters, monkeypatch):
    points, labels = clusters
    x, y, decay = points.double().numpy(), labels.numpy(), 1e-4

    def objective(values):
        weight, bias = values[:10].reshape(2, 5), values[10:]
        scores = x @ weight.T + bias
        scores -= np.logaddexp(scores[:, :1], scores[:, 1:])
        slope = np.exp(scores)
        slope[np.arange(len(y)), y] -= 1
        slope /= len(y)
        value = -scores[np.arange(len(y)), y].mean() + decay * (weight**2).sum() / 2
        return value, np.concatenate([(slope.T @ x + decay * weight).ravel(), slope.sum(0)])

    best = minimize(objective, np.zeros(12), jac=True, method="L-BFGS-B", tol=1e-14)
    sizes = record_sizes(monkeypatch)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 2))
    train(model, points, labels, method=WorkingSet(), weight_decay=[decay])
    reached = torch.cat([model[0].weight.flatten(), model[0].bias]).double().numpy()
    assert objective(reached)[0] == pytest.approx(best.fun, abs=1e-6 * best.fun)
    # not by way of the full objective alone
    assert min(sizes) < 0.1 * len(labels)


def record_sizes(monkeypatch):
    """Number of images of each evaluation that follows."""
    sizes = []

    def recorded(*arguments):
        point = evaluate(*arguments)
        sizes.append(len(point.losses))
        return point

    monkeypatch.setattr(working_set, "evaluate", recorded)
    return sizes


def test_a_network_ends_as_low_as_with_plain_lbfgs_for_a_fraction_of_the_images(
    digits, monkeypatch
):
    images, labels = digits.train_images, digits.train_labels
    plain, ours = network(), network()
    method = Lbfgs(iterations=200)
    history = train(plain, images, labels, method=method, weight_decay=DECAY)
    sizes = record_sizes(monkeypatch)
    method = WorkingSet(iterations=200)
    train(ours, images, labels, method=method, weight_decay=DECAY)
    assert again(ours, images, labels, DECAY) < 1.02 * again(plain, images, labels, DECAY)
    assert sum(sizes) < 0.5 * len(history.rows) * len(labels)


def test_what_is_reported_is_the_full_objective_of_the_network(digits):
    images, labels = digits.train_images, digits.train_labels
    for iterations in (3, 90):
        model = network()
        method = WorkingSet(iterations=iterations)
        rows = train(model, images, labels, method=method, weight_decay=DECAY).rows
        wrong = (model(images).argmax(1) != labels).double().mean().item()
        last = rows[-1]
        assert last["objective"] == pytest.approx(
            again(model, images, labels, DECAY).item(), rel=1e-4
        )
        assert last["error"] == pytest.approx(wrong)
        # after Adam's epochs, every row is lower than the one before
        values = [row["objective"] for row in rows[method.epochs :]]
        assert values == sorted(values, reverse=True)


def test_the_same_seed_gives_the_same_weights(digits):
    first, second, other = (
        weights_after(digits, seed=seed, method=WorkingSet(epochs=1, iterations=60))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def weights_after(digits, seed, method):
    model = network()
    train(
        model,
        digits.train_images,
        digits.train_labels,
        method=method,
        weight_decay=DECAY,
        seed=seed,
    )
    assert all(p.dtype == torch.float32 and p._base is None for p in model.parameters())
    return torch.cat([p.flatten() for p in model.parameters()])


def test_a_surrogate_has_the_value_and_the_gradient_of_the_full_objective(digits):
    images, labels = digits.train_images, digits.train_labels
    model = network()
    decays = list(zip(DECAY, [m for m in model if isinstance(m, nn.Linear)], strict=True))
    objective = CrossEntropy(model, images, labels, decays)
    parameters = list(model.parameters())
    start = evaluate(objective, parameters, len(labels), "network")
    surrogate = Surrogate(objective, parameters, torch.arange(0, 1400, 7), start, "network")
    gradients = torch.autograd.grad(objective(None)[0], parameters)
    # away and back, so that nothing stored is compared with itself
    with torch.no_grad():
        parameters[0].add_(0.01)
    away = surrogate()
    with torch.no_grad():
        parameters[0].sub_(0.01)
    back = surrogate()
    assert back == pytest.approx(again(model, images, labels, DECAY).item(), rel=1e-5) != away
    for parameter, gradient in zip(parameters, gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_the_working_set_is_the_smallest_that_carries_the_loss():
    losses = torch.full((1000,), 1e-4)
    losses[::10] = 1.0  # 100 images have 100 of 100.09
    assert choose(losses, 0.02).tolist() == list(range(0, 1000, 10))[:99]
    assert choose(losses, 1e-3).tolist() == list(range(0, 1000, 10))
    # few are never fewer than a twentieth, and more than half are all
    assert len(choose(losses, 0.9)) == 50
    assert choose(torch.ones(1000), 0.3) is None
    assert choose(losses, 0.0) is None


def test_objectives_that_are_no_mean_over_images_are_refused(digits):
    model = networks.build("autoencoder", (1, 8, 8), 10, units=5)
    with pytest.raises(TrainingError, match="code is not a mean over images"):
        Sparsity(method=WorkingSet()).fit(model, digits.train_images, 0, History())


# without decay the linear term of a surrogate has no minimum, and a line search finds infinity
@pytest.mark.parametrize("decay", [DECAY, (0.0, 0.0, 0.0)])
def test_a_stage_that_does_not_help_is_undone(digits, monkeypatch, decay):
    # surrogates on images without influence promise what does not come true: the full objective
    # has to take over, and nothing gets worse
    def largest_left_out(losses, share):
        if share < 1e-3:
            return None
        return losses.argsort()[:100].sort().values

    monkeypatch.setattr(working_set, "choose", largest_left_out)
    model = network()
    decays = list(zip(decay, [m for m in model if isinstance(m, nn.Linear)], strict=True))
    objective = CrossEntropy(model, digits.train_images, digits.train_labels, decays)
    history = History()
    method = WorkingSet(epochs=0, iterations=150)
    minimise(model, objective, len(digits.train_labels), method, 0, "network", history)
    values = [row["objective"] for row in history.rows]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(
        again(model, digits.train_images, digits.train_labels, decay).item(), rel=1e-4, abs=1e-8
    )
    assert values[-1] < 0.01 * values[0]


def logistic(clusters, decay=1e-3):
    """A convex objective in double precision, and where it starts."""
    points, labels = clusters
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 2)).double()
    return model, CrossEntropy(model, points.double(), labels, [(decay, model[0])])


def minimum(model, objective):
    """What `torch.optim.LBFGS` reaches from there, without stages."""
    model = copy.deepcopy(model)
    decays = [(objective.decays[0][0], model[0])]
    objective = CrossEntropy(model, objective.inputs, objective.labels, decays)
    method = Lbfgs(iterations=500, gradient_tolerance=1e-10, change_tolerance=1e-14)
    minimise(model, objective, len(objective.labels), method, 0, "network", History())
    return objective(None)[0].item()


PRECISE = WorkingSet(epochs=0, iterations=150, gradient_tolerance=1e-8, change_tolerance=1e-13)


def test_a_stage_that_runs_out_of_evaluations_has_not_converged(clusters, monkeypatch):
    monkeypatch.setattr(working_set, "EVALUATIONS", 1)
    monkeypatch.setattr(working_set, "choose", lambda losses, share: None)
    model, objective = logistic(clusters)
    best = minimum(model, objective)
    minimise(model, objective, 1500, PRECISE, 0, "network", History())
    assert objective(None)[0].item() == pytest.approx(best, rel=1e-8)


def test_only_the_full_objective_says_that_the_minimum_is_reached(clusters, monkeypatch):
    # each stage on a surrogate stops early, before the full objective has its minimum
    def early(optimizer, surrogate, iterations):
        surrogates.append(surrogate.slope is not None)
        return plain(optimizer, surrogate, min(3, iterations) if surrogates[-1] else iterations)

    surrogates, plain = [], working_set._advance
    monkeypatch.setattr(working_set, "_advance", early)
    rows = (torch.arange(1500) % 4 != 0).nonzero()[:, 0]
    monkeypatch.setattr(working_set, "choose", lambda losses, share: rows if share else None)
    model, objective = logistic(clusters, decay=1.0)
    best = minimum(model, objective)
    history = History()
    minimise(model, objective, 1500, PRECISE, 0, "network", history)
    assert surrogates[0] and history.rows[1]["objective"] > best * (1 + 1e-6)
    assert objective(None)[0].item() == pytest.approx(best, rel=1e-8)


def test_curvature_pairs_are_differences_of_one_function(clusters, monkeypatch):
    # each stage on images of its own, and pairs that go from one stage to the next
    monkeypatch.setattr(working_set, "FIRST", 3)
    monkeypatch.setattr(working_set, "SHORTEST", 3)
    monkeypatch.setattr(working_set, "LONGEST", 3)
    stages, optimizers, sets = [], [], []

    def another(losses, share):
        sets.append((torch.arange(1500) % 4 != len(sets) % 4).nonzero()[:, 0])
        return sets[-1]

    class Recorded(Surrogate):
        def __init__(self, objective, parameters, rows, start, phase):
            stages.append([(start.weights, start.gradient)])
            super().__init__(objective, parameters, rows, start, phase)

        def __call__(self):
            value = super().__call__()
            stages[-1].append((self.last.weights, self.last.gradient))
            return value

    def advance(optimizer, *arguments):
        optimizers.append(optimizer)
        return plain(optimizer, *arguments)

    plain = working_set._advance
    monkeypatch.setattr(working_set, "choose", another)
    monkeypatch.setattr(working_set, "Surrogate", Recorded)
    monkeypatch.setattr(working_set, "_advance", advance)
    # so much decay that no surrogate goes far astray
    model, objective = logistic(clusters, decay=1.0)
    history = History()
    method = WorkingSet(epochs=0, iterations=12, change_tolerance=1e-13)
    minimise(model, objective, 1500, method, 0, "network", history)
    assert len(stages) >= 4 and len(history.rows) == len(stages) + 1  # none was undone
    state = optimizers[0].state[next(model.parameters())]
    assert len(state["old_dirs"]) > 8
    for change, step in zip(state["old_dirs"], state["old_stps"], strict=True):
        misses = [
            (((b - a) - step).norm() / step.norm() + ((h - g) - change).norm() / change.norm())
            for stage in stages
            for a, g in stage
            for b, h in stage
        ]
        assert min(misses) < 1e-6


def test_a_stage_that_gains_nothing_with_all_its_evaluations_is_the_last(clusters, monkeypatch):
    stages, plain = [], working_set._advance

    def nowhere(optimizer, surrogate, iterations):
        stages.append(iterations)
        return plain(optimizer, surrogate, iterations) if len(stages) == 1 else (1, True)

    monkeypatch.setattr(working_set, "_advance", nowhere)
    monkeypatch.setattr(working_set, "FIRST", 3)
    monkeypatch.setattr(working_set, "choose", lambda losses, share: None)
    model, objective = logistic(clusters)
    minimise(model, objective, 1500, PRECISE, 0, "network", History())
    assert len(stages) == 2
