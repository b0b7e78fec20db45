import os
import pickle
import runpy
import shutil
import struct
import tarfile
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image
from repository import ROOT

from intriguing import datasets, registry, splits
from intriguing.artifacts.dataset import open_dataset, write_dataset
from intriguing.datasets import cifar, inventory, published
from intriguing.datasets.dataset import Dataset
from intriguing.datasets.root import ROOT_VARIABLE
from intriguing.errors import ArtifactError, DataError
from intriguing.torchvision_import import import_torchvision


@pytest.fixture(scope="session")
def cifar_jpeg_root():
    """Folder with the real JPEG copies of CIFAR-10, if there is one."""
    candidates = [os.environ.get("INTRIGUING_DATA_ROOT"), ROOT.parent / "shared" / "data"]
    for candidate in candidates:
        if candidate and (Path(candidate) / cifar.JPEG_FOLDER / "train").is_dir():
            return Path(candidate)
    pytest.skip("no CIFAR-10 copies: set INTRIGUING_DATA_ROOT to the folder of cifar10-jpeg")


@pytest.fixture
def no_variable(monkeypatch):
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)


@pytest.fixture
def no_network(monkeypatch):
    from intriguing.torchvision_import import import_torchvision

    sources = import_torchvision().datasets
    # a closed port of this machine: the connection is refused at once
    for source in (sources.MNIST, sources.FashionMNIST):
        monkeypatch.setattr(source, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr(sources.CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")


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
    with pytest.raises(DataError, match="digits, mnist, fashion_mnist, cifar10, image_folder"):
        datasets.load("minst")


@pytest.mark.parametrize(
    "key, value", [("folder", "photos"), ("size", 32), ("resize", 40), ("channels", 1)]
)
def test_keys_that_a_data_set_does_not_use(key, value):
    with pytest.raises(DataError, match=f"data.{key} is {value}, which digits does not use"):
        datasets.load("digits", **{key: value})


def test_a_test_fraction_that_leaves_nothing():
    with pytest.raises(DataError, match=r"data.test_fraction 0.0001 .* 1797 to train and 0 to t"):
        datasets.load("digits", test_fraction=0.0001)


def test_counts_keep_random_images_of_each_set(digits):
    small, large = (
        datasets.load("digits", train_count=count, test_count=count) for count in (30, 60)
    )
    rows = splits.sample(len(digits.train_labels), 60, seed=0)
    assert torch.equal(large.train_images, digits.train_images[rows])
    assert torch.equal(large.train_labels, digits.train_labels[rows])
    rows = splits.sample(len(digits.test_labels), 30, seed=0)
    assert torch.equal(small.test_images, digits.test_images[rows])
    assert torch.equal(small.test_labels, digits.test_labels[rows])
    smaller, larger = (
        {image.numpy().tobytes() for image in s.train_images} for s in (small, large)
    )
    assert len(smaller) == 30 and smaller < larger
    other = datasets.load("digits", train_count=len(digits.train_labels))
    assert other.digest == digits.digest


@pytest.mark.parametrize("key, number", [("train_count", 1438), ("test_count", 359)])
@pytest.mark.parametrize("excess", [1, None])
def test_counts_that_cannot_be(digits, key, number, excess):
    assert number == len(getattr(digits, key.replace("count", "labels")))
    count = 0 if excess is None else number + excess
    with pytest.raises(DataError, match=f"data.{key} is {count}, but .* has {number} images"):
        datasets.load("digits", **{key: count})


def counts(dataset):
    return {
        "train": tuple(dataset.train_labels.bincount().tolist()),
        "test": tuple(dataset.test_labels.bincount().tolist()),
    }


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.002])
def test_what_is_known_of_digits_without_reading_them(fraction):
    made = datasets.load("digits", test_fraction=fraction)
    known = inventory.published("digits", fraction)
    assert known.class_names == made.class_names
    # with 0.002 no class has enough images to give one up
    found = {split: tuple(numbers) for split, numbers in known.splits.items()}
    assert found == ({} if fraction == 0.002 else counts(made))


def test_what_is_known_of_the_published_sets_without_reading_them():
    torchvision = import_torchvision().datasets
    assert published.SETS["mnist"].class_names == tuple(torchvision.MNIST.classes)
    assert published.SETS["fashion_mnist"].class_names == tuple(torchvision.FashionMNIST.classes)
    assert set(published.SETS) == set(registry.table("datasets")) - {"image_folder"}
    for name in ("mnist", "fashion_mnist", "cifar10"):
        known = inventory.published(name, 0.2)
        train = 50000 if name == "cifar10" else 60000
        assert {split: sum(numbers) for split, numbers in known.splits.items()} == {
            "train": train,
            "test": 10000,
        }
        assert all(len(numbers) == 10 for numbers in known.splits.values())
    assert cifar.IMAGES_A_CLASS == {"train": 5000, "test": 1000}
    assert inventory.published("image_folder", 0.2) is None


def test_mnist(mnist_root, no_variable):
    mnist = datasets.load("mnist", mnist_root)
    known = inventory.published("mnist", 0.2)
    assert mnist.class_names == known.class_names and counts(mnist) == dict(known.splits)
    assert mnist.train_images.shape == (60000, 1, 28, 28)
    assert mnist.test_labels.bincount().tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    ]
    assert mnist.train_images.max() == 1.0
    few = datasets.load("mnist", mnist_root, seed=4, train_count=50, test_count=20)
    rows = splits.sample(60000, 50, seed=4)
    assert torch.equal(few.train_images, mnist.train_images[rows])
    assert torch.equal(few.train_labels, mnist.train_labels[rows])
    assert torch.equal(few.test_images, mnist.test_images[splits.sample(10000, 20, seed=4)])


def test_the_environment_variable_goes_before_the_key(mnist_root, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, str(mnist_root))
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


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
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


@pytest.fixture
def cifar_root(tmp_path, monkeypatch, no_variable, no_network):
    """Batches of the published form with random content, 4 images each, and their archive."""
    from intriguing.torchvision_import import import_torchvision

    torchvision = import_torchvision()
    source, md5 = torchvision.datasets.CIFAR10, torchvision.datasets.utils.calculate_md5
    folder = tmp_path / source.base_folder
    folder.mkdir()
    generator = np.random.default_rng(0)

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, md5(folder / name)]

    def batch(name):
        pixels = generator.integers(0, 256, (4, 3072), dtype=np.uint8)
        return write(name, {"data": pixels, "labels": generator.integers(0, 10, 4).tolist()})

    for listed in ("train_list", "test_list"):
        sums = [batch(name) for name, _ in getattr(source, listed)]
        monkeypatch.setattr(source, listed, sums)
    name, own = write("batches.meta", {"label_names": list(cifar.CLASS_NAMES)})
    monkeypatch.setattr(source, "meta", {**source.meta, "filename": name, "md5": own})
    with tarfile.open(tmp_path / source.filename, "w:gz") as archive:
        archive.add(folder, source.base_folder)
    monkeypatch.setattr(source, "tgz_md5", md5(tmp_path / source.filename))
    return tmp_path


def test_cifar10_batches(cifar_root):
    made = datasets.load("cifar10", cifar_root)
    assert made.name == "cifar10" and made.class_names == cifar.CLASS_NAMES
    assert made.train_images.shape == (20, 3, 32, 32) and made.train_images.is_contiguous()
    assert made.test_images.shape == (4, 3, 32, 32) and made.test_labels.dtype == torch.int64
    batch = pickle.loads((cifar_root / "cifar-10-batches-py" / "data_batch_2").read_bytes())
    pixels = batch["data"].reshape(4, 3, 32, 32).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(made.train_images[4:8].numpy(), pixels)
    assert made.train_labels[4:8].tolist() == batch["labels"]
    few = datasets.load("cifar10", cifar_root, train_count=7, test_count=2)
    rows = splits.sample(20, 7, seed=0)
    assert torch.equal(few.train_images, made.train_images[rows])
    assert torch.equal(few.train_labels, made.train_labels[rows])
    assert len(few.test_labels) == 2


def test_cifar10_from_the_archive_alone(cifar_root):
    whole = datasets.load("cifar10", cifar_root)
    shutil.rmtree(cifar_root / "cifar-10-batches-py")
    (cifar_root / cifar.JPEG_FOLDER).mkdir()  # empty: it must not be looked at
    assert datasets.load("cifar10", cifar_root).digest == whole.digest
    shutil.rmtree(cifar_root / "cifar-10-batches-py")
    archive = cifar_root / "cifar-10-python.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"cifar-10-python.tar.gz is not the published file .*put"):
        datasets.load("cifar10", cifar_root)


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_an_altered_batch_is_named(cifar_root, name):
    path = cifar_root / "cifar-10-batches-py" / name
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with pytest.raises(DataError, match=f"{name} is not the published file .*put the original"):
        datasets.load("cifar10", cifar_root)
    path.write_bytes(content[:-30] + b"?" + content[-29:])
    with pytest.raises(DataError, match=f"{name} is not the published file .*put the original"):
        datasets.load("cifar10", cifar_root)


@pytest.fixture
def jpeg_root(tmp_path, monkeypatch, no_variable, no_network):
    """JPEG copies of the form that the package reads, 3 and 2 a class."""
    monkeypatch.setattr(cifar, "IMAGES_A_CLASS", {"train": 3, "test": 2})
    generator = np.random.default_rng(1)
    for split, count in cifar.IMAGES_A_CLASS.items():
        for name in cifar.CLASS_NAMES:
            folder = tmp_path / cifar.JPEG_FOLDER / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:04}.jpg")
    return tmp_path


def test_cifar10_from_jpeg_copies(jpeg_root):
    made = datasets.load("cifar10", jpeg_root)
    assert made.name == "cifar10-jpeg" and made.class_names == cifar.CLASS_NAMES
    assert made.train_labels.tolist() == np.repeat(np.arange(10), 3).tolist()
    assert made.test_labels.bincount().tolist() == [2] * 10
    with Image.open(jpeg_root / cifar.JPEG_FOLDER / "train" / "deer" / "0001.jpg") as image:
        pixels = np.asarray(image).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(made.train_images[3 * 4 + 1].numpy(), pixels)


def test_batches_go_before_jpeg_copies(cifar_root, jpeg_root):
    assert cifar_root == jpeg_root
    assert datasets.load("cifar10", cifar_root).name == "cifar10"


def test_incomplete_jpeg_copies(jpeg_root):
    ship = jpeg_root / cifar.JPEG_FOLDER / "train" / "ship"
    image = Image.open(ship / "0000.jpg")
    image.load()
    image.resize((30, 30)).save(ship / "0000.jpg")
    with pytest.raises(DataError, match=r"ship.0000.jpg 30x30"):
        datasets.load("cifar10", jpeg_root)
    (ship / "0000.jpg").unlink()
    with pytest.raises(DataError, match=r"train.ship has 2 images instead of 3: unpack"):
        datasets.load("cifar10", jpeg_root)
    shutil.rmtree(ship)
    with pytest.raises(DataError, match=r"class folders of .*train are airplane.*: unpack"):
        datasets.load("cifar10", jpeg_root)


def test_jpeg_copies_of_another_size(jpeg_root):
    for path in jpeg_root.glob("*/*/*/*.jpg"):
        Image.new("RGB", (16, 16)).save(path)
    with pytest.raises(DataError, match=r"are \(3, 16, 16\) instead of \(3, 32, 32\): unpack"):
        datasets.load("cifar10", jpeg_root)


def test_the_real_jpeg_copies(cifar_jpeg_root, no_variable):
    made = datasets.load("cifar10", cifar_jpeg_root, train_count=40, test_count=20)
    assert made.train_images.shape == (40, 3, 32, 32)
    rows = splits.sample(50000, 40, seed=0)
    assert made.train_labels.tolist() == (rows // 5000).tolist()
    for row, pixels in zip(rows[:5], made.train_images, strict=False):
        folder = cifar_jpeg_root / cifar.JPEG_FOLDER / "train" / cifar.CLASS_NAMES[row // 5000]
        with Image.open(sorted(folder.iterdir())[row % 5000]) as image:
            wanted = torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255)
        assert torch.equal(pixels, wanted)


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


def test_a_test_set_where_classes_are_tiny():
    labels = np.arange(50)
    train, test = splits.held_out_test(labels, 0.2, seed=0)
    assert len(test) == 10 and sorted([*train, *test]) == list(range(50))
    assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
    assert not np.array_equal(test, splits.held_out_test(labels, 0.2, seed=1)[1])
    labels = np.arange(50) // 5
    train, test = splits.held_out_test(labels, 0.2, seed=0)
    assert np.bincount(labels[test]).tolist() == [1] * 10


def made_of(train_images, test_images=None):
    """A data set of given images, float32 arrays or tensors (N, C, H, W), with two classes."""
    train = torch.as_tensor(train_images)
    test = train[:2] if test_images is None else torch.as_tensor(test_images)
    labels = [torch.arange(len(images)) % 2 for images in (train, test)]
    return Dataset("made", train, labels[0], test, labels[1], ("even", "odd"))


def bits(array):
    return np.ascontiguousarray(array).view(np.uint32)


def stored(path):
    return safetensors.numpy.load_file(path)


def test_pixels_are_stored_as_bytes_and_read_bit_for_bit(tmp_path):
    generator = np.random.default_rng(0)
    pixels = generator.permutation(np.arange(256).repeat(36)).astype(np.uint8)
    pixels = torch.from_numpy(pixels.reshape(2304, 1, 2, 2))  # more than are converted at a time
    images = pixels.float().div_(255)
    path = tmp_path / "dataset"
    write_dataset(path, made_of(images, images[:99]), parts=["P1"], seed=0)
    on_disk = stored(path)
    np.testing.assert_array_equal(on_disk["train_images"], pixels.numpy())
    assert on_disk["train_images"].dtype == on_disk["test_images"].dtype == np.uint8
    data = open_dataset(path)
    np.testing.assert_array_equal(bits(data.split("train").images), bits(images.numpy()))
    np.testing.assert_array_equal(bits(data.split("test").images), bits(images[:99].numpy()))
    sample = data.sample("P1", 700)
    np.testing.assert_array_equal(bits(sample.images), bits(images[sample.indices].numpy()))


def test_digits_are_stored_as_bytes(digits, tmp_path):
    write_dataset(tmp_path / "dataset", digits, parts=[], seed=0)
    on_disk = stored(tmp_path / "dataset")["test_images"]
    assert on_disk.dtype == np.uint8 and on_disk.max() == 16
    read = open_dataset(tmp_path / "dataset").split("test").images
    np.testing.assert_array_equal(bits(read), bits(digits.test_images.numpy()))


@pytest.mark.parametrize("odd", [0.3, -0.0, 1.5, -0.2, np.nextafter(np.float32(0.2), 1), np.nan])
@pytest.mark.parametrize("split", ["train", "test"])
def test_images_that_no_bytes_give_stay_floats(odd, split, tmp_path):
    images = {name: np.full((5, 1, 2, 2), 51 / 255, dtype=np.float32) for name in ("train", "test")}
    images[split][3, 0, 1, 0] = odd
    write_dataset(tmp_path / "dataset", made_of(*images.values()), parts=[], seed=0)
    assert stored(tmp_path / "dataset")["train_images"].dtype == np.float32
    data = open_dataset(tmp_path / "dataset")
    for name, wanted in images.items():
        np.testing.assert_array_equal(bits(data.split(name).images), bits(wanted))


@pytest.mark.parametrize("values", ["bytes", "floats"])
def test_a_sample_reads_its_rows_only(values, tmp_path):
    images = torch.rand(400, 1, 50, 50)
    if values == "bytes":
        images = (images * 255).round().div(255)
    write_dataset(tmp_path / "dataset", made_of(images), parts=["P1"], seed=0)
    data = open_dataset(tmp_path / "dataset")

    def peak(read):
        tracemalloc.start()
        read()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    whole = 4 * 400 * 50 * 50
    assert peak(lambda: data.split("train")) > whole
    assert peak(lambda: data.sample("P1", 4)) < whole / 20


def test_samples_without_a_class(digits, tmp_path):
    write_dataset(tmp_path / "dataset", digits, parts=["P1", "P2"], seed=3)
    data = open_dataset(tmp_path / "dataset")
    part = data.split("P2")
    plain, without = data.sample("P2", 100), data.sample("P2", 100, without=7)
    order = np.random.default_rng([3, 2]).permutation(len(part))
    np.testing.assert_array_equal(plain.indices, part.indices[np.sort(order[:100])])
    assert 7 in plain.labels and 7 not in without.labels and len(without) == 100
    assert set(plain.indices[plain.labels != 7]) < set(without.indices)
    assert set(data.sample("P2", 50, without=7).indices) < set(without.indices)
    assert set(without.indices) < set(part.indices)
    for one in (plain, without):
        np.testing.assert_array_equal(one.images, digits.train_images[one.indices].numpy())
        np.testing.assert_array_equal(one.labels, digits.train_labels[one.indices].numpy())
    others = int((part.labels != 7).sum())
    assert len(data.sample("P2", others, without=7)) == others
    with pytest.raises(ArtifactError, match=rf"{others + 1} images that are not of class 7 .*low"):
        data.sample("P2", others + 1, without=7)
    with pytest.raises(ArtifactError, match="no class 10: give a label from 0 to 9"):
        data.sample("P2", 5, without=10)


def test_the_digest_is_that_of_the_content(digits):
    import hashlib

    digest = hashlib.sha256()
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        tensor = getattr(digits, name)
        digest.update(str((tuple(tensor.shape), tensor.dtype)).encode() + tensor.numpy().tobytes())
    assert digits.digest == digest.hexdigest()


def test_the_script_hands_on_the_keys_that_are_given(tmp_path):
    data = {"name": "digits", "root": None, "seed": 1, "test_fraction": 0.3, "parts": ["P1"]}
    logs = tmp_path / "results/x/logs"
    logs.mkdir(parents=True)
    snakemake = SimpleNamespace(
        log=[str(logs / "data.log")],
        input=[],
        output=[str(tmp_path / "dataset")],
        wildcards=SimpleNamespace(experiment="x"),
        params=SimpleNamespace(data={**data, "train_count": 12}, code="abc"),
    )
    runpy.run_path(str(ROOT / "scripts" / "data.py"), {"snakemake": snakemake})
    made = open_dataset(tmp_path / "dataset")
    wanted = datasets.load("digits", seed=1, test_fraction=0.3, train_count=12)
    assert made.digest == wanted.digest
    assert len(made.split("P1")) == 12 and made.settings["code"] == "abc"
    assert snakemake.params.data["parts"] == ["P1"]
