"""MNIST and FashionMNIST: four files in the IDX format, checked and then read by torchvision."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from intriguing.datasets.dataset import Dataset, intensities
from intriguing.datasets.download import download, elsewhere
from intriguing.datasets.subset import Subset
from intriguing.errors import DataError
from intriguing.torchvision_import import import_torchvision

# The files of both sets, with the MD5 of the uncompressed content where it is published.
_FILES = {
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}
_SETS = {
    "mnist": (
        "MNIST",
        {
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "fashion_mnist": ("FashionMNIST", {}),
}


def read_mnist(root: Path, subset: Subset) -> Dataset:
    """Read MNIST.

    Parameters
    ----------
    root : Path
        The files are in ``<root>/MNIST/raw``, or get downloaded.
    subset : subset.Subset

    Raises
    ------
    DataError
        If the files are missing and cannot be downloaded, or are truncated or altered.
    """
    return _read("mnist", root, subset)


def read_fashion_mnist(root: Path, subset: Subset) -> Dataset:
    """Read FashionMNIST from ``<root>/FashionMNIST/raw``; otherwise as `read_mnist`."""
    return _read("fashion_mnist", root, subset)


def _read(name: str, root: Path, subset: Subset) -> Dataset:
    class_name, sums = _SETS[name]
    source = getattr(import_torchvision().datasets, class_name)
    folder = root / class_name / "raw"
    if not all((folder / file).is_file() for file in _FILES):
        download(source, root, folder, _remedy(folder))
    for file, shape in _FILES.items():
        _check(folder / file, shape, sums.get(file))

    train = source(root=root, train=True, download=False)
    test = source(root=root, train=False, download=False)
    tensors: list[torch.Tensor] = []
    for split, content in (("train", train), ("test", test)):
        counts = torch.bincount(content.targets, minlength=10)
        if len(counts) > 10 or (name == "fashion_mnist" and len(counts.unique()) > 1):
            raise DataError(
                f"the labels in {folder} are not those of {class_name}: {_remedy(folder)}"
            )
        rows = subset.rows(split, len(content.targets))
        tensors += [intensities(content.data[rows][:, None]), content.targets[rows].long()]
    train_images, train_labels, test_images, test_labels = tensors
    class_names = tuple(train.classes)
    return Dataset(name, train_images, train_labels, test_images, test_labels, class_names)


def _check(path: Path, shape: tuple[int, ...], md5: str | None) -> None:
    expected = int(np.prod(shape)) + 4 * (len(shape) + 1)
    size = path.stat().st_size
    if size != expected:
        raise DataError(
            f"{path} has {size} bytes instead of {expected} (truncated or foreign):"
            f" {_remedy(path.parent)}"
        )
    if md5 and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"{path} is not the published file (its MD5 is not {md5}): {_remedy(path.parent)}"
        )


def _remedy(folder: Path) -> str:
    files = ", ".join(f"{file}[.gz]" for file in _FILES)
    return (
        f"put the original {files} into {folder} (deleting what is wrong there),"
        f" {elsewhere(f'{folder.parent.name}/raw')}"
    )
