import copy

import numpy as np
import pytest
import torch
from oracles.distances import norms
from oracles.linear import least_distortion_linear, least_distortion_linear_untargeted
from torch import nn

from intriguing.attacks import (
    AdversarialSet,
    Options,
    boundary,
    choose_targets,
    gaussian_noise,
    lbfgs,
    minimum_distortion,
    penalty_path,
)
from intriguing.attacks.objective import target_margin
from intriguing.attacks.recheck import Alone, least_margins
from intriguing.errors import ArtifactError, AttackError, ModelError

MARGIN = 1e-4


@pytest.fixture(scope="module")
def adversarial(sigmoid_net, images, labels):
    return lbfgs(sigmoid_net, images, labels, (labels + 1) % 10)


def test_linear_model_within_three_percent_of_the_exact_optimum(linear, images, labels):
    targets = (labels + 1) % 10
    adversarial = lbfgs(linear, images, labels, targets)
    layer = linear[1]
    weight, bias = layer.weight.double().numpy(), layer.bias.double().numpy()
    rows = adversarial.attacked.nonzero()[:, 0]
    exact = np.array(
        [
            least_distortion_linear(
                weight, bias, images[i].flatten().double().numpy(), targets[i].item(), MARGIN
            )
            for i in rows
        ]
    )
    found = norms(adversarial, images)[rows]
    assert adversarial.success_rate == 1.0
    # nothing is closer than the optimum (float32 logits round by about 1e-6 of |r|)
    assert (found >= exact * (1 - 1e-4)).all()
    assert found.mean() <= 1.03 * exact.mean()


@pytest.mark.parametrize("targeted", [True, False])
def test_minimum_distortion_is_exact_on_a_linear_model(linear, images, labels, targeted):
    classes = (labels + 1) % 10 if targeted else labels
    adversarial = minimum_distortion(linear, images, labels, classes if targeted else None)
    assert adversarial.success_rate == 1.0 and adversarial.loss_weight.isnan().all()
    weight, bias = (value.detach().double().numpy() for value in linear[1].parameters())
    solve = least_distortion_linear if targeted else least_distortion_linear_untargeted
    rows = adversarial.attacked.nonzero()[:, 0]
    exact = np.array(
        [
            solve(weight, bias, images[i].flatten().double().numpy(), classes[i].item(), MARGIN)
            for i in rows
        ]
    )
    found = norms(adversarial, images)[rows]
    assert (found >= exact * (1 - 1e-4)).all()
    assert (found <= exact * 1.001).all()


@pytest.mark.parametrize("net", ["sigmoid_net", "relu_net"])
def test_minimum_distortion_lies_below_the_papers_method(net, images, labels, request):
    model = request.getfixturevalue(net)
    targets = (labels + 1) % 10
    paper = lbfgs(model, images, labels, targets)
    nearest = minimum_distortion(model, images, labels, targets)
    anywhere = minimum_distortion(model, images, labels)
    both = paper.success & nearest.success & anywhere.success
    assert nearest.success_rate == anywhere.success_rate == 1.0
    ratio = (nearest.distortion / paper.distortion)[both]
    # other valleys are possible, but rare
    assert ratio.mean() < 1.0 and (ratio > 1.003).double().mean() < 0.1
    assert anywhere.distortion[both].mean() < nearest.distortion[both].mean()
    assert ((anywhere.distortion / nearest.distortion)[both] > 1.003).double().mean() < 0.1


def test_no_small_move_along_the_boundary_is_nearer(sigmoid_net, images, labels):
    # a local minimum: scipy's SLSQP in float64, started there, finds nothing nearer
    from scipy.optimize import minimize

    few = slice(0, 6)
    adversarial = minimum_distortion(sigmoid_net, images[few], labels[few], (labels[few] + 1) % 10)
    double = copy.deepcopy(sigmoid_net).double()
    for i in adversarial.success.nonzero()[:, 0].tolist():
        start, target = images[i].flatten().double().numpy(), adversarial.targets[i].item()

        others = torch.arange(10) != target

        def margins(point, target=target, others=others):
            logits = double(point.view(1, 1, 8, 8))[0]
            return (logits[target] - logits)[others] - MARGIN

        def values(v, margins=margins):
            return margins(torch.from_numpy(v)).detach().numpy()

        def slopes(v, margins=margins):
            return torch.autograd.functional.jacobian(margins, torch.from_numpy(v)).numpy()

        found = minimize(
            lambda v, start=start: ((v - start) ** 2).sum(),
            adversarial.images[i].flatten().double().numpy(),
            jac=lambda v, start=start: 2 * (v - start),
            method="SLSQP",
            bounds=[(0, 1)] * 64,
            constraints={"type": "ineq", "fun": values, "jac": slopes},
            options={"maxiter": 200, "ftol": 1e-12},
        )
        assert norms(adversarial, images[few])[i] <= 1.002 * np.sqrt(found.fun)


def test_untargeted_records_the_class_reached(sigmoid_net, images, labels):
    adversarial = minimum_distortion(sigmoid_net, images, labels)
    rows = adversarial.success.nonzero()[:, 0]
    reached = torch.stack([sigmoid_net(adversarial.images[i : i + 1])[0].argmax() for i in rows])
    assert torch.equal(adversarial.targets[rows], reached)
    assert (reached != labels[rows]).all()
    assert not adversarial.settings["targeted"]


def test_more_candidates_are_never_worse(relu_net, images, labels):
    one, many = (
        minimum_distortion(relu_net, images, labels, candidates=number) for number in (1, 9)
    )
    assert one.success_rate == many.success_rate == 1.0
    assert (many.distortion <= one.distortion * (1 + 1e-4)).double().mean() > 0.95
    assert many.distortion.mean() < one.distortion.mean()


class FlatThenReachable(nn.Module):
    """The class that looks nearest cannot be reached; another one can."""

    def forward(self, x):
        v = x.flatten(1).mean(1)
        return torch.stack([torch.ones_like(v), 1 - 0.5 * torch.exp(-10 * v), 4 * v - 1], 1)


def test_untargeted_goes_on_where_the_first_candidate_cannot_be_reached():
    adversarial = minimum_distortion(
        FlatThenReachable().eval(), torch.zeros(3, 1, 2, 2), torch.zeros(3).long()
    )
    assert adversarial.success.all() and (adversarial.targets == 2).all()
    torch.testing.assert_close(
        adversarial.distortion, torch.full((3,), 0.5).double(), rtol=1e-3, atol=0
    )


class NormDivision(nn.Module):
    """Finite everywhere, without a gradient at 0."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        f = x.flatten(1)
        return self.last(f / f.square().sum(1, keepdim=True).sqrt().clamp(min=1e-3))


def test_an_image_without_a_gradient_gets_nobody_elses_result():
    torch.manual_seed(1)
    x = torch.rand(6, 1, 2, 2)
    x[3] = 0
    model = NormDivision().eval()
    y = model(x).argmax(1)
    adversarial = minimum_distortion(model, x, y)
    assert not adversarial.success[3] or (adversarial.images[3] != adversarial.images[0]).any()
    others = [i for i in range(6) if i != 3]
    assert adversarial.success[others].all()


def test_a_model_that_ignores_the_image_fails_politely():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.arange(3.0).expand(len(x), -1)

    x, y = torch.rand(2, 1, 2, 2), torch.tensor([2, 2])
    assert not minimum_distortion(Constant().eval(), x, y).success.any()
    assert not lbfgs(Constant().eval(), x, y, torch.tensor([0, 0])).success.any()


def test_a_margin_far_beyond_the_softmax(sigmoid_net, images, labels):
    steep = Scaled(sigmoid_net, 1e4).eval()
    few = slice(0, 32)
    adversarial = lbfgs(steep, images[few], labels[few], (labels[few] + 1) % 10, margin=100.0)
    assert adversarial.success_rate == 1.0


def test_success_is_what_the_recheck_says(relu_net, images, labels):
    # so short a search, rounded to two levels, fails for some images: they are really not
    # adversarial
    hurried = lbfgs(
        relu_net, images, labels, (labels + 1) % 10, levels=2, settings={"evaluations": 60}
    )
    assert 0 < hurried.success.sum() < hurried.attacked.sum()
    for adversarial in (hurried, minimum_distortion(relu_net, images, labels, levels=2)):
        logits = torch.cat([relu_net(x[None]) for x in adversarial.images])
        rows = adversarial.attacked
        reached = logits.argmax(1)
        assert torch.equal(reached[adversarial.success], adversarial.targets[adversarial.success])
        if adversarial.settings["attack"] == "minimum_distortion":
            others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
            margin = others - logits.gather(1, labels[:, None])[:, 0]
        else:
            margin = target_margin(logits, adversarial.targets)
        assert torch.equal(adversarial.success[rows], margin[rows] >= MARGIN)


@pytest.mark.parametrize("steepness", [1e-4, 50.0])
def test_flat_and_saturated_models(sigmoid_net, images, labels, steepness):
    steep = copy.deepcopy(sigmoid_net)
    with torch.no_grad():
        for parameter in steep[1 if steepness > 1 else -1].parameters():
            parameter.mul_(steepness)
    few = slice(0, 40)
    seen = steep(images[few]).argmax(1)  # the labels do not matter here
    adversarial = minimum_distortion(steep, images[few], seen, margin=1e-7)
    assert adversarial.distortion.isfinite().all()
    # a saturated unit has no gradient that single precision could follow
    points = images[few].clone().requires_grad_(True)
    margin = target_margin(steep(points), seen)
    (gradient,) = torch.autograd.grad(margin.sum(), points)
    followed = gradient.flatten(1).norm(dim=1) > 1e-10
    assert followed.sum() >= 30
    assert adversarial.success[followed].all()


def test_float64_recheck(sigmoid_net, images, labels):
    adversarial = minimum_distortion(sigmoid_net, images, labels, recheck="float64")
    assert adversarial.success_rate == 1.0 and adversarial.settings["recheck"] == "float64"
    logits = copy.deepcopy(sigmoid_net).double()(adversarial.images.double())[adversarial.success]
    reached, own = adversarial.targets[adversarial.success, None], labels[adversarial.success, None]
    assert (logits.gather(1, reached) - logits.gather(1, own)).min() >= MARGIN
    # the caller's model stays as it is
    assert next(sigmoid_net.parameters()).dtype == torch.float32
    with pytest.raises(AttackError, match="recheck is 'double'"):
        lbfgs(sigmoid_net, images, labels, (labels + 1) % 10, recheck="double")


def test_eight_bit_images(sigmoid_net, images, labels):
    plain = minimum_distortion(sigmoid_net, images, labels)
    rounded = minimum_distortion(sigmoid_net, images, labels, levels=256)
    values = rounded.images[rounded.success] * 255
    torch.testing.assert_close(values, values.round(), atol=1e-4, rtol=0)
    assert rounded.success_rate == 1.0
    alone = torch.cat([sigmoid_net(x[None]) for x in rounded.images]).argmax(1)
    assert (alone != labels)[rounded.success].all()
    ratio = (rounded.distortion / plain.distortion)[plain.success]
    assert 1.0 < ratio.mean() < 1.05
    assert rounded.evaluations.sum() > plain.evaluations.sum()


def test_a_small_budget_gives_the_same_result(convolutional, images, labels):
    from intriguing.attacks.budget import activation_bytes, rows_at_once

    # the input of each convolution and ReLU, the ReLUs' outputs once, the indices of the pool
    assert activation_bytes(convolutional, images[:1]) == 4 * (64 + 512 + 128 + 256) + 8 * 128
    options = {"batch_size": None, "vectors": 30}
    large, _ = rows_at_once(convolutional, images[:1], memory_mb=1000, **options)
    small, _ = rows_at_once(convolutional, images[:1], memory_mb=1, **options)
    assert small < 64 < large and small % 16 == 0
    few = slice(0, 40)
    usual = minimum_distortion(convolutional, images[few], labels[few])
    tight = minimum_distortion(convolutional, images[few], labels[few], memory_mb=1)
    torch.testing.assert_close(usual.distortion, tight.distortion, rtol=0.01, atol=0)
    with pytest.raises(AttackError, match="raise it"):
        minimum_distortion(convolutional, images[few], labels[few], memory_mb=0.001)


def test_device(sigmoid_net, images, labels):
    few = slice(0, 5)
    adversarial = minimum_distortion(sigmoid_net, images[few], labels[few], device="cpu")
    assert adversarial.images.device.type == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(AttackError, match="cannot be used"):
            minimum_distortion(sigmoid_net, images[few], labels[few], device="cuda")
    with pytest.raises(AttackError, match="cannot be used"):
        minimum_distortion(sigmoid_net, images[few], labels[few], device="toaster")


class Scaled(nn.Module):
    """The same classes from logits of another scale: the least distortion hardly changes."""

    def __init__(self, net, factor):
        super().__init__()
        self.net, self.factor = net, factor

    def forward(self, x):
        return self.factor * self.net(x)


@pytest.mark.parametrize("factor", [100.0, 1e4])
def test_steep_logits_do_not_stop_the_search(sigmoid_net, images, labels, adversarial, factor):
    scaled = lbfgs(
        Scaled(sigmoid_net, factor).eval(), images, labels, adversarial.targets, margin=0.0
    )
    assert scaled.success_rate == 1.0
    # the cross-entropy of steep logits is nearly the margin, so that the optimum can only be nearer
    assert scaled.distortion.mean() < 1.05 * adversarial.distortion.mean()


def test_what_is_adversarial_is_never_called_failed(sigmoid_net, images, labels):
    hurried = lbfgs(
        sigmoid_net,
        images,
        labels,
        (labels + 1) % 10,
        settings=penalty_path.Settings(evaluations=20),
    )
    assert hurried.evaluations.max() <= 20 * 3
    logits = Alone(sigmoid_net).logits(hurried.images)
    margins = least_margins(logits, hurried.targets, torch.full_like(hurried.targets, -1))
    missed = hurried.attacked & ~hurried.success & (margins >= 2 * MARGIN)
    assert not missed.any()
    assert hurried.success_rate > 0.5


def test_loss_weight_is_the_smallest_that_succeeds(sigmoid_net, images, labels, adversarial):
    # the minimiser for 7 % less weight, by scipy from the found image, is not yet adversarial
    from scipy.optimize import minimize

    failures = 0
    rows = adversarial.success.nonzero()[:10, 0].tolist()
    for i in rows:
        start = images[i].flatten().double().numpy()
        c, target = 0.93 * adversarial.loss_weight[i].item(), adversarial.targets[i : i + 1]

        def objective(values, c=c, start=start, target=target):
            point = torch.from_numpy(values).float().view(1, 1, 8, 8).requires_grad_(True)
            loss = torch.nn.functional.cross_entropy(sigmoid_net(point), target)
            (gradient,) = torch.autograd.grad(loss, point)
            move = values - start
            return c * loss.item() + move @ move, c * gradient.flatten().double().numpy() + 2 * move

        begin = adversarial.images[i].flatten().double().numpy()
        bounds = [(0, 1)] * 64
        x = minimize(objective, begin, jac=True, method="L-BFGS-B", bounds=bounds).x
        logits = sigmoid_net(torch.from_numpy(x).float().view(1, 1, 8, 8))[0]
        failures += logits.argmax().item() != adversarial.targets[i].item()
    assert failures >= 9


def test_an_unreachable_target_is_recorded_not_dropped(linear, images, labels):
    class Handicapped(nn.Module):
        def forward(self, x):
            return linear(x) - 1e3 * nn.functional.one_hot(torch.tensor(3), 10)

    chosen = labels != 3
    x, y = images[chosen][:20], labels[chosen][:20]
    adversarial = lbfgs(Handicapped().eval(), x, y, torch.full_like(y, 3))
    assert len(adversarial) == 20
    assert not adversarial.success.any()
    assert adversarial.loss_weight.isnan().all()
    assert adversarial.images.min() >= 0 and adversarial.images.max() <= 1


def test_no_images_have_no_targets(linear):
    nothing = torch.zeros(0, 1, 8, 8)
    for rule in ("next", "nearest"):
        assert len(choose_targets(rule, linear, nothing, torch.zeros(0).long())) == 0


def test_save_and_load(adversarial, tmp_path):
    adversarial.save(tmp_path / "set.safetensors", note="kept")
    again = AdversarialSet.load(tmp_path / "set.safetensors")
    for name in ("images", "distortion", "success", "already_wrong", "labels", "targets"):
        assert torch.equal(getattr(again, name), getattr(adversarial, name))
    assert again.settings["note"] == "kept" and again.settings["margin"] == MARGIN
    adversarial.save(tmp_path / "again.safetensors", note="kept")
    first, second = (tmp_path / name for name in ("set.safetensors", "again.safetensors"))
    assert first.read_bytes() == second.read_bytes()
    first.write_bytes(first.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match="truncated"):
        AdversarialSet.load(first)


def test_parts_join_to_the_whole(adversarial):
    parts = [
        AdversarialSet.untried(adversarial.images[:0], adversarial.labels[:0], adversarial.settings)
    ]
    for rows in (slice(0, 50), slice(50, None)):
        tensors = {
            name: value[rows] for name, value in vars(adversarial).items() if torch.is_tensor(value)
        }
        parts.append(AdversarialSet(**tensors, settings=adversarial.settings))
    whole = AdversarialSet.join(parts)
    for name, value in vars(adversarial).items():
        if torch.is_tensor(value):
            torch.testing.assert_close(getattr(whole, name), value, rtol=0, atol=0, equal_nan=True)
    parts[1] = parts[1].with_settings(margin=0.5)
    with pytest.raises(ArtifactError, match="differ in margin"):
        AdversarialSet.join(parts)


def test_more_settings_are_those_of_another_set(adversarial):
    before = dict(adversarial.settings)
    more = adversarial.with_settings(split="test", margin=0.5)
    assert more.settings == before | {"split": "test", "margin": 0.5}
    assert adversarial.settings == before
    assert more.images is adversarial.images


def spoiled(images, value):
    images = images.clone()
    images[2, 0, 3, 3] = value
    return images


class Random(nn.Module):
    def forward(self, x):
        return torch.randn(len(x), 10)


BAD_INPUT = {
    "above one": (lambda x, y, t: (spoiled(x, 1.5), y, t), "image 2 leaves"),
    "below zero": (lambda x, y, t: (spoiled(x, -0.1), y, t), "image 2 leaves"),
    "NaN": (lambda x, y, t: (spoiled(x, torch.nan), y, t), "image 2 holds NaN"),
    "8-bit": (lambda x, y, t: ((x * 255).byte(), y, t), "floating point"),
    "fewer labels": (lambda x, y, t: (x, y[:-1], t), "do not match"),
    "float labels": (lambda x, y, t: (x, y.float(), t), "integers"),
    "label too large": (lambda x, y, t: (x, y + 10, t), "is not a valid class"),
    "target too large": (lambda x, y, t: (x, y, t + 10), "is not a valid class"),
    "target is label": (lambda x, y, t: (x, y, y), "is its label"),
    "numpy images": (lambda x, y, t: (x.numpy(), y, t), "images must be a torch.Tensor"),
    "one number": (lambda x, y, t: (x, y, 3), "targets must be a torch.Tensor"),
    "column of labels": (lambda x, y, t: (x, y[:, None], t), "do not match"),
    "float targets": (lambda x, y, t: (x, y, t + 0.5), "targets must be integers"),
    "one target": (lambda x, y, t: (x, y, t[:1]), "targets for"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_clear_sentence(linear, images, labels, case):
    change, words = BAD_INPUT[case]
    arguments = change(images[:5], labels[:5], (labels[:5] + 1) % 10)
    for attack in (lbfgs, minimum_distortion):
        with pytest.raises(AttackError, match=words):
            attack(linear, *arguments)


@pytest.mark.parametrize(
    "setting",
    [
        {"margin": -1.0},
        {"margin": float("nan")},
        {"batch_size": 0},
        {"batch_size": 8.0},
        {"levels": 8.5},
        {"memory_mb": 0},
        {"levels": 1},
        {"recheck": "double"},
    ],
)
def test_bad_options_are_refused(linear, images, labels, setting):
    with pytest.raises(AttackError, match=next(iter(setting))):
        lbfgs(linear, images[:5], labels[:5], (labels[:5] + 1) % 10, **setting)
    with pytest.raises(AttackError, match=next(iter(setting))):
        Options(**setting)


def test_bad_numerical_settings_are_refused(linear, images, labels):
    arguments = linear, images[:5], labels[:5], (labels[:5] + 1) % 10
    with pytest.raises(AttackError, match="memory is 0"):
        lbfgs(*arguments, settings=penalty_path.Settings(memory=0))
    with pytest.raises(AttackError, match="memory is 0"):
        lbfgs(*arguments, settings={"memory": 0})
    with pytest.raises(AttackError, match="rivals is 0"):
        minimum_distortion(*arguments, settings=boundary.Settings(rivals=0))
    with pytest.raises(AttackError, match=r"give intriguing.attacks.boundary.Settings"):
        minimum_distortion(*arguments, settings=penalty_path.Settings())
    for settings, words in [
        ({"memry": 3}, "unknown setting 'memry'; did you mean 'memory'"),
        ({"rivals": 3}, "unknown setting 'rivals': choose among memory, stationarity"),
        ({"memory": 2.5}, "memory is 2.5: give a whole number of at least 1"),
        ({"evaluations": True}, "evaluations is True: give a whole number"),
        ({"roughness": "3"}, "roughness is '3': give a positive number"),
        ({"stationarity": float("nan")}, "stationarity is nan: give a positive number"),
        ([3], "settings is a list: give .*Settings, or a mapping of its fields"),
    ]:
        with pytest.raises(AttackError, match=words):
            lbfgs(*arguments, settings=settings)
    with pytest.raises(AttackError, match="candidates is 0"):
        minimum_distortion(*arguments[:3], candidates=0)


@pytest.mark.parametrize(
    ("attack", "kind", "fields"),
    [
        (lbfgs, penalty_path.Settings, {"memory": 2, "evaluations": 40}),
        (minimum_distortion, boundary.Settings, {"rivals": 1, "decrease": 0.5}),
    ],
)
def test_numerical_settings_by_name(sigmoid_net, images, labels, attack, kind, fields):
    arguments = sigmoid_net, images[:20], labels[:20], (labels[:20] + 1) % 10
    expected = attack(*arguments, settings=kind(**fields))
    assert torch.equal(attack(*arguments, settings=fields).images, expected.images)
    usual = attack(*arguments)
    assert not torch.equal(usual.images, expected.images)
    assert torch.equal(attack(*arguments, settings={}).images, usual.images)


def test_a_function_instead_of_a_module_and_no_gradients(linear, images, labels):
    arguments = images[:5], labels[:5], (labels[:5] + 1) % 10
    with pytest.raises(AttackError, match=r"torch\.nn\.Module"):
        lbfgs(lambda x: linear(x), *arguments)
    with torch.inference_mode(), pytest.raises(AttackError, match="inference_mode"):
        lbfgs(linear, *arguments)
    adversarial = lbfgs(linear, images[:5].clone().requires_grad_(True), *arguments[1:])
    assert not adversarial.images.requires_grad and adversarial.success.any()


class NanOnDark(nn.Module):
    """Fails on some images only."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        dark = x.flatten(1).mean(1, keepdim=True) < 0.01
        return torch.where(dark, torch.nan, self.net(x))


def test_nan_for_a_single_image_is_found(linear, images, labels):
    x = images[:9].clone()
    x[6] = 0
    with pytest.raises(ModelError, match="image 6"):
        lbfgs(NanOnDark(linear).eval(), x, labels[:9], (labels[:9] + 1) % 10)


BAD_MODELS = {
    # the network itself is shared with other tests, and stays as it is
    "training mode": (lambda net: nn.Sequential(net, nn.Dropout()), "training mode"),
    "random": (lambda net: Random().eval(), "deterministic"),
    "probabilities": (lambda net: nn.Sequential(net, nn.Softmax(1)).eval(), "softmax"),
    "not logits": (lambda net: nn.Flatten(0).eval(), "instead of logits"),
    "float64": (lambda net: copy.deepcopy(net).double(), "model.float"),
    "NaN": (lambda net: nn.Sequential(net, nn.Threshold(1e9, torch.nan)).eval(), "NaN"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_bad_models_are_refused(linear, images, labels, case):
    make, words = BAD_MODELS[case]
    with pytest.raises((AttackError, ModelError), match=words):
        lbfgs(make(linear), images[:5], labels[:5], (labels[:5] + 1) % 10)


def test_target_rules(linear, images, labels):
    logits = linear(images)
    for rule in ("next", "random", "least_likely", "nearest"):
        targets = choose_targets(rule, linear, images, labels, batch_size=50)
        assert not (targets == labels).any()
        assert targets.min() >= 0 and targets.max() <= 9
    assert torch.equal(choose_targets("next", linear, images, labels), (labels + 1) % 10)
    first, second = (choose_targets("random", linear, images, labels, seed=s) for s in (0, 1))
    assert not torch.equal(first, second)
    least = choose_targets("least_likely", linear, images, labels)
    right = logits.argmax(1) == labels
    assert torch.equal(least[right], logits.argmin(1)[right])
    # for a linear model the linearised distance is the distance: norms by hand
    nearest = choose_targets("nearest", linear, images, labels)
    weight = linear[1].weight
    for i in range(20):
        gaps = (logits[i, labels[i]] - logits[i]).abs() / (weight[labels[i]] - weight).norm(dim=1)
        gaps[labels[i]] = torch.inf
        assert gaps.argmin() == nearest[i]
    with pytest.raises(AttackError, match="next, random"):
        choose_targets("farthest", linear, images, labels)
    with pytest.raises(AttackError, match="untargeted: give minimum_distortion no targets"):
        choose_targets("any", linear, images, labels)
    for rule in ("next", "random", "least_likely", "nearest"):
        with pytest.raises(AttackError, match="label 10 of image 0 is not a valid class"):
            choose_targets(rule, linear, images[:1], torch.tensor([10]))
        with pytest.raises(AttackError, match="labels must be integers"):
            choose_targets(rule, linear, images, labels.float())


def test_no_targets_or_their_rule_instead(linear, images, labels):
    with pytest.raises(AttackError, match="lbfgs needs a target for each image"):
        lbfgs(linear, images, labels, None)
    with pytest.raises(
        AttackError, match=r"give class numbers, such as choose_targets\('next', model"
    ):
        minimum_distortion(linear, images, labels, "next")


def test_a_set_says_what_it_holds(adversarial, labels):
    mean = adversarial.distortion[adversarial.success].mean().item()
    found, tried = adversarial.success.sum().item(), adversarial.attacked.sum().item()
    expected = f"({len(labels)} images, {found} of {tried} found, mean distortion {mean:.4g})"
    assert repr(adversarial) == f"AdversarialSet{expected}"


def test_gaussian_noise(images, labels):
    noise = gaussian_noise(images, labels, 0.3, seed=4)
    assert noise.distortion.mean() == pytest.approx(0.3, rel=0.01)
    assert torch.equal(noise.images, gaussian_noise(images, labels, 0.3, seed=4).images)
    assert not torch.equal(noise.images, gaussian_noise(images, labels, 0.3, seed=5).images)
    clipped = gaussian_noise(images, labels, 0.3, seed=4, clip=True)
    assert clipped.images.min() >= 0 and clipped.images.max() <= 1
    torch.testing.assert_close(clipped.images, noise.images.clamp(0, 1))
    assert clipped.distortion.mean() < noise.distortion.mean()
    each = torch.linspace(0.01, 0.5, len(images))
    spread = gaussian_noise(images, labels, each, seed=4).distortion / each
    assert (spread - 1).abs().max() < 0.4
    exact = gaussian_noise(images, labels, each, seed=4, exact=True).distortion
    torch.testing.assert_close(exact, each.double(), rtol=1e-5, atol=0)
    for wrong in (-0.1, float("nan"), each[:3]):
        with pytest.raises(AttackError, match="standard deviation"):
            gaussian_noise(images, labels, wrong)
