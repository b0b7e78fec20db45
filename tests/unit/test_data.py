import shutil
import struct

import numpy as np
import pytest
import torch

from intriguing import datasets, splits
from intriguing.dataset_file import open_dataset, write_dataset
from intriguing.errors import ArtifactError, DataError


@pytest.fixture
def no_variable(monkeypatch):
    monkeypatch.delenv(datasets.ROOT_VARIABLE, raising=False)


@pytest.fixture
def no_network(monkeypatch):
    from intriguing.torchvision_import import import_torchvision

    sources = import_torchvision().datasets
    # a closed port of this machine: the connection is refused at once
    for source in (sources.MNIST, sources.FashionMNIST):
        monkeypatch.setattr(source, "mirrors", ["http://127.0.0.1:9/"])


def test_digits(digits):
    assert digits.train_images.shape[1:] == (1, 8, 8)
    assert len(digits.train_images) + len(digits.test_images) == 1797
    assert digits.train_images.dtype == torch.float32
    assert digits.train_images.min() == 0 and digits.train_images.max() == 1
    share = digits.test_labels.bincount() / (
        digits.test_labels.bincount() + digits.train_labels.bincount()
    )
    assert (share - 0.2).abs().max() < 0.01
    assert datasets.load("digits").digest == digits.digest
    assert datasets.load("digits", seed=1).digest != digits.digest


def test_unknown_name_lists_the_known():
    with pytest.raises(DataError, match="digits, mnist, fashion_mnist"):
        datasets.load("minst")


def test_mnist(mnist_root, no_variable):
    mnist = datasets.load("mnist", mnist_root)
    assert mnist.train_images.shape == (60000, 1, 28, 28)
    assert mnist.test_labels.bincount().tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    ]
    assert mnist.train_images.max() == 1.0


def test_the_environment_variable_goes_before_the_key(mnist_root, monkeypatch):
    monkeypatch.setenv(datasets.ROOT_VARIABLE, str(mnist_root))
    assert len(datasets.load("mnist", "/nowhere").test_labels) == 10000


def test_truncated_and_altered_files_are_named(mnist_root, tmp_path, no_variable):
    shutil.copytree(mnist_root / "MNIST", tmp_path / "MNIST")
    labels = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.chmod(0o644)
    content = bytearray(labels.read_bytes())
    labels.write_bytes(content[:30000])
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte has 30000 bytes.*put the orig"):
        datasets.load("mnist", tmp_path)
    content[100] ^= 1
    labels.write_bytes(content)
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte is not the published file"):
        datasets.load("mnist", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_no_files_and_no_network(name, tmp_path, no_variable, no_network):
    with pytest.raises(DataError, match=r"cannot be downloaded .*put the original .* into"):
        datasets.load(name, tmp_path)


def write_idx(path, array):
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    path.write_bytes(header + array.tobytes())


def test_fashion_mnist_from_files_of_its_form(tmp_path, no_variable):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix, number in (("train", 60000), ("t10k", 10000)):
        labels = (np.arange(number) % 10).astype(np.uint8)
        images = np.zeros((number, 28, 28), np.uint8) + 25 * labels[:, None, None]
        write_idx(raw / f"{prefix}-images-idx3-ubyte", images)
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", labels)
    made = datasets.load("fashion_mnist", tmp_path)
    assert made.class_names[0] == "T-shirt/top"
    torch.testing.assert_close(made.test_images[3].unique(), torch.tensor([75 / 255]))
    labels = (np.arange(60000) % 9).astype(np.uint8)
    write_idx(raw / "train-labels-idx1-ubyte", labels)
    with pytest.raises(DataError, match="labels"):
        datasets.load("fashion_mnist", tmp_path)


def test_parts_are_disjoint_halves():
    parts = splits.disjoint_parts(1001, ["P1", "P2"], seed=0)
    assert len(parts["P1"]) == len(parts["P2"]) == 500
    assert not set(parts["P1"]) & set(parts["P2"])
    again = splits.disjoint_parts(1001, ["P1", "P2"], seed=1)
    assert not np.array_equal(parts["P1"], again["P1"])


def test_a_larger_sample_contains_the_smaller():
    small, large = (set(splits.sample(500, count, seed=3)) for count in (20, 50))
    assert len(small) == 20 and small < large


def test_dataset_file(digits, tmp_path):
    path = tmp_path / "dataset.safetensors"
    write_dataset(path, digits, parts=["P1", "P2"], seed=0)
    data = open_dataset(path)
    assert data.split_names == ("train", "test", "P1", "P2")
    assert data.image_shape == (1, 8, 8) and len(data.class_names) == 10
    first, second = data.split("P1"), data.split("P2")
    assert len(first) == len(second) == len(digits.train_labels) // 2
    assert not set(first.indices) & set(second.indices)
    np.testing.assert_array_equal(first.images, digits.train_images[first.indices].numpy())
    np.testing.assert_array_equal(data.split("test").labels, digits.test_labels.numpy())
    sample = data.sample("P2", 20)
    assert set(sample.indices) <= set(second.indices)
    np.testing.assert_array_equal(sample.labels, digits.train_labels[sample.indices].numpy())
    with pytest.raises(ArtifactError, match="no split 'P3'"):
        data.split("P3")
    with pytest.raises(ArtifactError, match="lower `count`"):
        data.sample("P1", 10000)
    write_dataset(tmp_path / "again", digits, parts=["P1", "P2"], seed=0)
    assert path.read_bytes() == (tmp_path / "again").read_bytes()
