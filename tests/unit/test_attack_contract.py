"""What holds for every public attack, whatever its method."""

import copy
import doctest
import importlib
import inspect
import sys
from dataclasses import fields

import pytest
import torch
from oracles.elsewhere import DEVICE, Elsewhere, moved

from intriguing import attacks
from intriguing.artifacts.adversarial import ARRAYS
from intriguing.attacks import (
    AdversarialSet,
    Options,
    choose_targets,
    gaussian_noise,
    lbfgs,
    minimum_distortion,
    noise_tolerance,
)

MARGIN = 1e-4


def targeted(attack):
    """The attack towards the class after the label."""
    return lambda model, images, labels, **options: attack(
        model, images, labels, (labels + 1) % 10, **options
    )


SEARCHES = {
    "lbfgs": targeted(lbfgs),
    "minimum_distortion targeted": targeted(minimum_distortion),
    "minimum_distortion untargeted": minimum_distortion,
}
# noise is drawn for all images at once and aims at nothing: no batches, no success
NOISE = {
    "gaussian_noise": lambda model, images, labels: gaussian_noise(
        images, labels, 0.2, seed=3, clip=True
    )
}
ATTACKS = SEARCHES | NOISE


@pytest.fixture(scope="module")
def results(sigmoid_net, images, labels):
    return {name: attack(sigmoid_net, images, labels) for name, attack in ATTACKS.items()}


def tensors(result):
    return {name: getattr(result, name) for name in ARRAYS}


def assert_same(result, expected):
    for name, tensor in tensors(result).items():
        torch.testing.assert_close(
            tensor, getattr(expected, name), rtol=0, atol=0, equal_nan=True, msg=name
        )


def rows_of(result, rows):
    selected = {name: tensor[rows] for name, tensor in tensors(result).items()}
    return AdversarialSet(**selected, settings=result.settings)


@pytest.mark.parametrize("name", ATTACKS)
def test_one_row_an_image_in_its_own_form(results, images, labels, name):
    result = results[name]
    assert len(result) == len(images)
    assert result.images.shape == images.shape
    assert result.images.dtype == torch.float32
    assert result.distortion.dtype == result.loss_weight.dtype == torch.float64
    assert result.targets.dtype == result.evaluations.dtype == torch.int64
    assert result.success.dtype == result.already_wrong.dtype == torch.bool
    assert torch.equal(result.labels, labels)
    assert not result.images.requires_grad
    assert result.settings["attack"] == name.split()[0]


@pytest.mark.parametrize("name", ATTACKS)
def test_inside_the_box_at_the_distortion_recorded(results, images, name):
    result = results[name]
    assert result.images.min() >= 0 and result.images.max() <= 1
    expected = (result.images - images).double().square().mean((1, 2, 3)).sqrt()
    torch.testing.assert_close(result.distortion, expected)


@pytest.mark.parametrize("name", SEARCHES)
def test_success_means_the_margin_alone(sigmoid_net, results, name):
    result = results[name]
    assert result.success_rate == 1.0
    assert result.settings["margin"] == MARGIN and result.settings["recheck"] == "float32"
    for i in result.success.nonzero()[:, 0].tolist():
        logits = sigmoid_net(result.images[i : i + 1])[0]
        target, label = result.targets[i], result.labels[i]
        rivals = logits.clone()
        rivals[target] = -torch.inf
        others = logits[label] if "untargeted" in name else rivals.max()
        assert logits[target] - others >= MARGIN
        assert logits.argmax() == target and target != label


@pytest.mark.parametrize("name", SEARCHES)
def test_images_that_are_misclassified_are_set_apart(sigmoid_net, results, images, labels, name):
    result = results[name]
    alone = torch.tensor([sigmoid_net(x[None]).argmax().item() for x in images])
    wrong = result.already_wrong
    assert torch.equal(wrong, alone != labels) and wrong.any()
    assert (result.distortion[wrong] == 0).all()
    assert not result.success[wrong].any()
    assert (result.evaluations[wrong] == 0).all() and (result.evaluations[~wrong] > 0).all()
    assert torch.equal(result.images[wrong], images[wrong])


@pytest.mark.parametrize("name", ATTACKS)
def test_the_same_call_gives_the_same_bytes(sigmoid_net, results, images, labels, name):
    torch.manual_seed(1)  # the global generator does not count
    again = ATTACKS[name](sigmoid_net, images, labels)
    assert_same(again, results[name])
    assert again.settings == results[name].settings


@pytest.mark.parametrize("batch_size", [1, 7, 40])
@pytest.mark.parametrize("name", SEARCHES)
def test_images_at_once_do_not_change_the_result(
    sigmoid_net, results, images, labels, name, batch_size
):
    few = slice(0, 40)
    other = SEARCHES[name](sigmoid_net, images[few], labels[few], batch_size=batch_size)
    assert_same(other, rows_of(results[name], few))


@pytest.mark.parametrize("name", SEARCHES)
def test_an_image_alone_gives_what_it_gives_among_others(
    sigmoid_net, results, images, labels, name
):
    for i in range(20):
        one = slice(i, i + 1)
        alone = SEARCHES[name](sigmoid_net, images[one], labels[one])
        assert_same(alone, rows_of(results[name], one))


@pytest.mark.parametrize("name", ATTACKS)
def test_no_images_give_an_empty_set(sigmoid_net, images, labels, name):
    result = ATTACKS[name](sigmoid_net, images[:0], labels[:0])
    assert len(result) == 0 and result.images.shape == images[:0].shape


@pytest.mark.parametrize("name", ATTACKS)
def test_rows_of_features(sigmoid_net, images, labels, name):
    few = slice(0, 20)
    result = ATTACKS[name](sigmoid_net, images[few].flatten(1), labels[few])
    expected = ATTACKS[name](sigmoid_net, images[few], labels[few])
    assert result.images.shape == (20, 64)
    result.images = result.images.view_as(expected.images)
    assert_same(result, expected)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_callers_tensors_and_model_stay_as_they_are(sigmoid_net, images, labels, name):
    model = copy.deepcopy(sigmoid_net)
    model.requires_grad_(True).zero_grad()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    given, classes = images[:20].clone().requires_grad_(True), labels[:20].clone()
    result = ATTACKS[name](model, given, classes)
    assert torch.equal(given, images[:20]) and torch.equal(classes, labels[:20])
    assert given.requires_grad and given.grad is None
    assert not result.images.requires_grad
    assert not model.training
    for key, value in model.state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, weights[key])
    assert all(value.requires_grad and value.grad is None for value in model.parameters())
    # nor does the set share memory with them
    for tensor in tensors(result).values():
        tensor.zero_()
    assert torch.equal(given, images[:20]) and torch.equal(classes, labels[:20])


@pytest.mark.parametrize("name", ATTACKS)
def test_everything_stays_on_the_device_of_the_model(sigmoid_net, images, labels, name):
    few = slice(0, 40)
    model = moved(copy.deepcopy(sigmoid_net))
    with Elsewhere():
        there = ATTACKS[name](model, images[few].to(DEVICE), labels[few].to(DEVICE))
        assert {tensor.device for tensor in tensors(there).values()} == {DEVICE}
        distortion = there.distortion.cpu()
    here = ATTACKS[name](sigmoid_net, images[few], labels[few])
    assert {tensor.device.type for tensor in tensors(here).values()} == {"cpu"}
    # the rows are padded in another way there
    torch.testing.assert_close(distortion, here.distortion, rtol=0.01, atol=0)


def test_noise_tolerance_and_targets_on_the_device_of_the_model(sigmoid_net, images, labels):
    expected = noise_tolerance(sigmoid_net, images, labels)
    assert expected.device.type == "cpu"
    assert ((expected == 0) == (sigmoid_net(images).argmax(1) != labels)).all()
    nearest = choose_targets("nearest", sigmoid_net, images, labels)
    model = moved(copy.deepcopy(sigmoid_net))
    with Elsewhere():
        for given in (images, labels), (images.to(DEVICE), labels.to(DEVICE)):
            tolerance = noise_tolerance(model, *given)
            assert tolerance.device.type == "cpu" and torch.equal(tolerance, expected)
            targets = choose_targets("nearest", model, *given)
            assert targets.device == DEVICE and torch.equal(targets.cpu(), nearest)
        # as a CUDA device would
        with pytest.raises(RuntimeError, match="same device"):
            images[images.to(DEVICE) > 0.5]


@pytest.mark.parametrize("attack", [lbfgs, minimum_distortion])
def test_the_common_options_are_arguments_with_the_same_defaults(attack):
    arguments = inspect.signature(attack).parameters
    for option in fields(Options):
        assert arguments[option.name].default == option.default
        assert arguments[option.name].kind == inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("name", sorted(attacks.__all__))
def test_examples_in_docstrings(name):
    offered = getattr(attacks, name)
    assert not hasattr(importlib.import_module(offered.__module__), "__path__")
    assert name != offered.__module__.rpartition(".")[2]
    tests = doctest.DocTestFinder(recurse=False).find(
        offered, name, globs=vars(sys.modules[offered.__module__]).copy()
    )
    runner = doctest.DocTestRunner()
    for test in tests:
        assert test.examples
        runner.run(test)
    assert runner.tries and not runner.failures


def test_the_file_holds_the_tensors_of_the_set():
    assert [field.name for field in fields(AdversarialSet)] == [*ARRAYS, "settings"]
