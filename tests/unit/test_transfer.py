"""Transfer: same mistakes, agreement of gradients, amplified examples and their controls."""

import copy
import math

import pandas
import pytest
import torch
from torch import nn

from intriguing.artifacts.dataset import open_dataset, write_dataset
from intriguing.attacks import amplify, amplify_as_printed
from intriguing.errors import AttackError
from intriguing.stages import attack, halves, transfer
from intriguing.tasks import Task
from intriguing.transfer import error_matrix, margin_cosines

ENTRY = {
    "method": "minimum_distortion",
    "split": "test",
    "count": 40,
    "targets": "next",
    "labels": "data",
    "margin": 1e-4,
    "search": {},
}


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(7, 1, 3, 4, generator=generator) * 0.8 + 0.1
    step = torch.rand(7, 1, 3, 4, generator=generator) * 0.1 - 0.05
    return images, images + step


def rms(difference):
    return (difference.flatten(1).double() ** 2).mean(1).sqrt()


def test_amplified_examples_have_the_distortion_that_is_asked_for(pairs):
    images, adversarial = pairs
    free = amplify(images, adversarial, 0.3, clip=False)
    assert rms(free - images).tolist() == pytest.approx([0.3] * 7, rel=1e-6)
    # along x' - x: parallel differences
    cosine = nn.functional.cosine_similarity(
        (free - images).flatten(1), (adversarial - images).flatten(1)
    )
    assert cosine.min() > 1 - 1e-5
    clipped = amplify(images, adversarial, 0.3)
    assert torch.equal(clipped, free.clamp(0, 1))
    assert (rms(clipped - images) < 0.3).all() and (free > 1).any()
    own = torch.linspace(0.1, 0.4, 7, dtype=torch.float64)
    each = amplify(images, adversarial, own, clip=False)
    assert rms(each - images).tolist() == pytest.approx(own.tolist(), rel=1e-6)


def test_the_printed_formula_has_a_euclidean_length(pairs):
    images, adversarial = pairs
    printed = amplify_as_printed(images, adversarial, 0.1)
    lengths = (printed - images).flatten(1).norm(dim=1)
    assert lengths.tolist() == pytest.approx([0.1] * 7, rel=1e-5)
    # on MNIST 0.1 / 28
    assert rms(printed - images)[0].item() == pytest.approx(0.1 / math.sqrt(12), rel=1e-5)


def test_what_cannot_be_amplified_is_refused(pairs):
    images, adversarial = pairs
    length = rms(adversarial - images)
    with pytest.raises(
        AttackError, match=r"^7 of 7 examples already have a distortion larger than"
    ):
        amplify(images, adversarial, 0.001)
    # exactly what they have is no shrinking
    assert torch.allclose(amplify(images, adversarial, length), adversarial, atol=1e-6)
    same = adversarial.clone()
    same[3] = images[3]
    for move in (amplify, amplify_as_printed):
        with pytest.raises(AttackError, match=r"^1 of 7 adversarial examples are the original"):
            move(images, same, 0.5)
    with pytest.raises(AttackError, match="must be finite"):
        amplify(images, adversarial, math.nan)
    with pytest.raises(AttackError, match=r"^2 distortions for 7 images"):
        amplify(images, adversarial, torch.tensor([0.5, 0.6]))
    with pytest.raises(AttackError, match="give an example for each image"):
        amplify(images, adversarial[:3], 0.5)
    assert amplify(images[:0], adversarial[:0], 0.5).shape == (0, 1, 3, 4)


def test_images_in_another_precision_are_converted_to_that_of_the_model(digits, linear):
    images, labels = digits.test_images[:50], digits.test_labels[:50]
    expected = error_matrix({"m": linear}, {"x": (images, labels)})["errors"].tolist()
    double = {"x": (images.double(), labels)}
    assert error_matrix({"m": linear}, double)["errors"].tolist() == expected
    wide = copy.deepcopy(linear).double()
    assert error_matrix({"m": wide}, {"x": (images, labels)})["errors"].tolist() == expected
    with pytest.raises(AttackError, match=r"not torch.uint8: divide 8-bit images by 255"):
        error_matrix({"m": linear}, {"x": ((255 * images).byte(), labels)})
    with pytest.raises(AttackError, match="one label for each"):
        error_matrix({"m": linear}, {"x": (images, labels[:7])})


def test_same_errors_are_those_with_the_class_of_the_target():
    class Brightest(nn.Module):
        def forward(self, images):
            return images.flatten(1)

    images = torch.eye(4).reshape(4, 1, 2, 2)  # classified 0, 1, 2, 3
    labels, targets = torch.tensor([0, 0, 0, 0]), torch.tensor([1, 1, 1, 3])
    frame = error_matrix({"m": Brightest()}, {"x": (images, labels, targets)})
    assert frame["errors"][0] == 3 and frame["same_errors"][0] == 2
    # a target that is the label is no error
    targets[0] = 0
    frame = error_matrix({"m": Brightest()}, {"x": (images, labels, targets)})
    assert frame["errors"][0] == 3 and frame["same_errors"][0] == 2
    without = error_matrix({"m": Brightest()}, {"x": (images, labels)})
    assert math.isnan(without["same_errors"][0])


def linear_of(weights):
    model = nn.Sequential(nn.Flatten(), nn.Linear(weights.shape[1], weights.shape[0]))
    model[1].weight.data = weights
    return model


def test_cosines_of_linear_models_are_those_of_their_weights():
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randn(2, 3, 8, generator=generator)
    images = torch.rand(2500, 1, 2, 4, generator=generator)
    labels = torch.arange(2500) % 3
    targets = (labels + 1) % 3
    model, flat = linear_of(first), linear_of(torch.zeros(3, 8))
    others = {"same": model, "other": linear_of(second), "against": linear_of(-2 * first)}
    cosines = margin_cosines(model, others | {"flat": flat}, images, labels, targets)
    assert cosines["same"].tolist() == pytest.approx([1] * 2500, abs=1e-6)
    assert cosines["against"].tolist() == pytest.approx([-1] * 2500, abs=1e-6)
    a, b = first[targets] - first[labels], second[targets] - second[labels]
    expected = nn.functional.cosine_similarity(a, b)
    assert cosines["other"].tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert cosines["flat"].isnan().all()


@pytest.fixture(scope="module")
def data(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "dataset.safetensors"
    write_dataset(path, digits, parts=["P1", "P2"], seed=0)
    return open_dataset(path)


@pytest.fixture(scope="module")
def models(data, linear, sigmoid_net):
    task = Task.of(data.class_names)
    return {"linear": (linear, task), "sigmoid": (sigmoid_net, task)}


@pytest.fixture(scope="module")
def sets(data, models):
    return {name: attack.run(data, *model, ENTRY, seed=0) for name, model in models.items()}


@pytest.fixture(scope="module")
def table(data, models, sets):
    settings = {
        "attack": "on_test",
        "amplified": 0.2,
        "noise": {"noise0.1": 0.1},
        "sample": ENTRY,
        "clip": False,
    }
    return halves.run(data, sets.items(), models, settings, seed=0)


def cell(table, made_for, target, kind):
    rows = table[(table["made_for"] == made_for) & (table["target"] == target)]
    (row,) = rows[rows["input"] == kind].to_dict("records")
    return row


def test_table4_has_every_row_of_every_pair(table, models):
    kinds = "distorted clean matched_noise amplified amplified_unclipped amplified_as_printed"
    for made_for in models:
        of_set = table[table["made_for"] == made_for]
        assert set(of_set["input"]) == {*kinds.split(), "amplified_noise"}
        assert len(of_set) == 7 * 2
    noise = table[table["made_for"] == "noise0.1"]
    assert set(noise["input"]) == {"distorted", "clean"} and (noise["n"] == 40).all()
    assert noise["distortion_mean"].iloc[0] == pytest.approx(0.1, rel=0.05)
    assert noise["cosine_mean"].isna().all() and noise["same_errors"].isna().all()


def test_amplified_rows_are_what_amplify_gives(table, data, models, sets):
    made = sets["linear"]
    originals = torch.from_numpy(data.sample("test", 40).images)[made.success]
    moved = amplify(
        originals, made.images[made.success], made.distortion[made.success].clamp(min=0.2)
    )
    row = cell(table, "linear", "sigmoid", "amplified")
    labels = torch.from_numpy(data.sample("test", 40).labels)[made.success]
    said = models["sigmoid"][0](moved).argmax(1)
    assert row["errors"] == (said != labels).sum()
    assert row["same_errors"] == ((said != labels) & (said == made.targets[made.success])).sum()
    assert row["distortion_mean"] == pytest.approx(rms(moved - originals).mean().item())
    assert row["beyond"] == (made.distortion[made.success] > 0.2).sum()
    # the control has the distortion that is left after clipping
    control = cell(table, "linear", "sigmoid", "amplified_noise")
    assert control["distortion_mean"] == pytest.approx(row["distortion_mean"], rel=1e-5)
    free = cell(table, "linear", "sigmoid", "amplified_unclipped")
    assert free["distortion_mean"] > row["distortion_mean"]
    printed = cell(table, "linear", "sigmoid", "amplified_as_printed")
    assert printed["distortion_mean"] == pytest.approx(0.2 / 8, rel=1e-4)


def test_a_model_agrees_with_itself(table):
    own = cell(table, "linear", "linear", "distorted")
    assert own["errors"] == own["same_errors"] == own["n"] == own["cosine_n"]
    assert own["cosine_mean"] == pytest.approx(1)
    other = cell(table, "linear", "sigmoid", "distorted")
    assert -1 < other["cosine_mean"] < 1 and other["cosine_deviation"] > 0
    assert other["same_errors"] <= other["errors"]


def test_models_of_different_classes_have_nothing_to_compare(data, models, sets, linear):
    binary = Task.of(data.class_names, "3")
    two = nn.Sequential(linear, linear_of(torch.randn(2, 10))[1])
    rows = transfer.run(
        data, sets["linear"], models | {"two": (two, binary)}, made_for="linear", seed=0
    )
    assert rows[rows["target"] == "two"]["same_errors"].isna().all()
    assert rows[rows["target"] == "two"]["cosine_mean"].isna().all()
    distorted = rows[(rows["target"] == "sigmoid") & (rows["input"] == "distorted")]
    assert distorted["cosine_mean"].notna().all()


def test_an_amplification_below_the_distortion_is_refused(data, models, sets):
    mean = sets["linear"].distortion[sets["linear"].success].mean().item()
    with pytest.raises(AttackError) as caught:
        transfer.of_sets(data, sets.items(), models, attack="on_test", seed=0, amplified=0.5 * mean)
    words = f"the examples for linear already have an average distortion of {mean:.4g}: set it"
    assert words in str(caught.value) and str(caught.value).startswith("halves.amplified is ")


def test_a_set_of_a_model_that_is_not_there_has_no_cosines(data, models, sets):
    rows = transfer.run(
        data, sets["linear"], {"sigmoid": models["sigmoid"]}, made_for="linear", seed=0
    )
    assert isinstance(rows, pandas.DataFrame) and "cosine_mean" not in rows
