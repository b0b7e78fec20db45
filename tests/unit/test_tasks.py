import unicodedata

import pytest
import torch

from intriguing import device
from intriguing.artifacts import adversarial, model
from intriguing.artifacts.dataset import open_dataset, write_dataset
from intriguing.attacks import minimum_distortion
from intriguing.errors import DataError, DeviceError
from intriguing.networks.trained import load
from intriguing.stages import attack, train, transfer
from intriguing.tasks import Task, class_index

NAMES = ("cat", "car", "dog")
METHOD = {"lbfgs": {"iterations": 100}}
ENTRY = {
    "method": "minimum_distortion",
    "split": "train",
    "count": 30,
    "targets": "any",
    "labels": "data",
    "margin": 1e-4,
    "search": {},
}


def test_all_classes_and_one_against_the_rest():
    labels = torch.tensor([0, 1, 2, 1])
    assert Task.of(NAMES).labels(labels) is labels and Task.of(NAMES).class_names == NAMES
    car = Task.of(NAMES, "car")
    assert car.class_names == ("not car", "car")
    assert car.labels(labels).tolist() == [0, 1, 0, 1]
    with pytest.raises(DataError, match="no class 'bus': choose one of cat, car, dog"):
        Task.of(NAMES, "bus")


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_a_class_name_however_its_accents_are_encoded(on_disk, typed):
    known = ("bar", unicodedata.normalize(on_disk, "café"))
    name = unicodedata.normalize(typed, "café")
    assert class_index(known, name) == 1
    # that of the data, so that models of one class have the same names
    assert Task.of(known, name) == Task((f"not {known[1]}", known[1]), 1)
    with pytest.raises(DataError, match="no class 'cafe'"):
        class_index(known, "cafe")


@pytest.fixture(scope="module")
def data(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "dataset.safetensors"
    write_dataset(path, digits, parts=[], seed=0)
    return open_dataset(path)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A model of all classes and one of the threes: (model, task, metrics) each."""
    models = {}
    for name, positive in (("all", None), ("three", "3")):
        entry = {
            "architecture": "softmax",
            "options": {},
            "training": METHOD,
            "weight_decay": [1e-3],
            "trained_on": "train",
            "positive": positive,
        }
        files = train.run(data, entry, name=name, seed=0)
        folder = tmp_path_factory.mktemp(name)
        model.save(folder, files)
        models[name] = (load(folder), Task.of(data.class_names, positive), files.metrics)
    return models


def test_a_binary_model_is_measured_on_its_own_task(trained, digits):
    network, _, metrics = trained["three"]
    assert network[1].weight.shape == (2, 64)
    wanted = digits.test_labels == 3
    said = network(digits.test_images).argmax(1) == 1
    errors = metrics["errors"]["test"]
    assert errors["errors"] == (said != wanted).sum() < wanted.sum()
    assert errors["positive_n"] == wanted.sum()
    assert errors["positive_errors"] == (wanted & ~said).sum()
    assert "positive_n" not in trained["all"][2]["errors"]["test"]


def test_transfer_judges_each_model_by_its_own_classes(trained, data):
    models = {name: (model, task) for name, (model, task, _) in trained.items()}
    made = attack.run(data, *models["three"], ENTRY, seed=0)
    assert set(made.labels.tolist()) == {0, 1} and made.success.any()
    assert (made.targets[made.success] == 1 - made.labels[made.success]).all()
    frame = transfer.run(data, made, models, made_for="three", seed=0).set_index(
        ["input", "target"]
    )
    assert frame.loc[("distorted", "three"), "errors"] == made.success.sum()
    assert frame.loc[("clean", "three"), "errors"] == 0
    sample = data.sample("train", 30)
    images = made.images[made.success]
    digit = torch.from_numpy(sample.labels)[made.success]
    by_hand = (models["all"][0](images).argmax(1) != digit).sum()
    assert frame.loc[("distorted", "all"), "errors"] == by_hand


def test_labels_of_the_model_are_what_it_says_undistorted(trained, data):
    # random weights: nearly all images are wrong by their own labels
    torch.manual_seed(3)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    task = Task.of(data.class_names)
    by_data = attack.run(data, network, task, ENTRY, seed=0)
    made = attack.run(data, network, task, ENTRY | {"labels": "model"}, seed=0)
    assert by_data.already_wrong.sum() > 15
    assert not made.already_wrong.any() and made.success.all()
    models = {"all": trained["all"][:2]}
    frame = transfer.run(data, made, models, made_for="random", seed=0).set_index("input")
    assert frame.loc["clean", "errors"] == 0
    other = trained["all"][0]
    originals = torch.from_numpy(data.sample("train", 30).images)
    changed = (other(made.images).argmax(1) != other(originals).argmax(1)).sum()
    assert frame.loc["distorted", "errors"] == changed


def test_all_images_to_one_class(trained, data, tmp_path):
    network, task, _ = trained["all"]
    entry = ENTRY | {"method": "lbfgs", "targets": {"class": "7"}}
    made = attack.run(data, network, task, entry, seed=0)
    assert (made.labels != 7).all() and len(made) == 30
    assert (network(made.images[made.success]).argmax(1) == 7).all()
    made.save(tmp_path / "set")
    line = adversarial.summary(tmp_path / "set", torch.arange(30).numpy())
    assert line["targets"][0] == "class 7"


def test_devices():
    assert device.resolve("cpu") == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert device.resolve("auto").type == expected
    with pytest.raises(DeviceError, match="choose one of auto, cpu, cuda"):
        device.resolve("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_cuda_device():
    with pytest.raises(DeviceError, match="no CUDA device: set device to auto or cpu"):
        device.resolve("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_gives_the_same_up_to_rounding(trained, digits):
    network, images = trained["all"][0], digits.train_images[:100]
    labels = digits.train_labels[:100]
    here = minimum_distortion(network, images, labels)
    there = minimum_distortion(network, images, labels, device=device.resolve("cuda"))
    assert torch.equal(here.success, there.success.cpu())
    torch.testing.assert_close(here.distortion, there.distortion.cpu(), rtol=1e-3, atol=1e-6)
