"""Image data sets, from where they come to tensors in [0, 1].

`load` is the only entry. Every set is checked when it is read, because a truncated or altered
file would otherwise show up much later as an odd number in a table.
"""

import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from intriguing import splits
from intriguing.errors import DataError

ROOT_VARIABLE = "INTRIGUING_DATA_ROOT"


@dataclass(frozen=True)
class Dataset:
    """Images and labels of one data set.

    train_images, test_images : float32 Tensor (N, C, H, W) in [0, 1].
    train_labels, test_labels : int64 Tensor (N,).
    class_names : tuple of str, one for each label.
    """

    name: str
    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    class_names: tuple

    @property
    def digest(self):
        """SHA-256 of the content: the same images in the same order give the same digest."""
        digest = hashlib.sha256()
        for tensor in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(str((tuple(tensor.shape), tensor.dtype)).encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()


def load(name, root=None, *, seed=0, test_fraction=0.2):
    """Load a data set by name.

    Parameters
    ----------
    name : str
        ``digits`` (8x8, comes with scikit-learn), ``mnist`` or ``fashion_mnist`` (28x28).
    root : path, optional
        Folder of the downloaded sets: an existing copy in ``<root>/MNIST/raw`` or
        ``<root>/FashionMNIST/raw`` is used as it is, otherwise it is downloaded there. The
        environment variable ``INTRIGUING_DATA_ROOT`` goes before it.
    seed, test_fraction : int, float
        Stratified test split of ``digits``, which has none of its own.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the name is unknown, or the files are missing, truncated or altered.
    """
    if name == "digits":
        return _load_digits(seed, test_fraction)
    if name in _IDX_SETS:
        root = os.environ.get(ROOT_VARIABLE) or root or "data"
        return _load_idx(name, Path(root).expanduser())
    raise DataError(f"unknown data set {name!r}: choose one of {', '.join(NAMES)}")


def _load_digits(seed, test_fraction):
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images / 16).float()[:, None]
    labels = torch.from_numpy(digits.target).long()
    train, test = splits.stratified_test(digits.target, test_fraction, seed)
    names = tuple(str(label) for label in digits.target_names)
    return Dataset("digits", images[train], labels[train], images[test], labels[test], names)


# The files of both sets, with the MD5 of the uncompressed content where it is published.
_FILES = {
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}
_IDX_SETS = {
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
NAMES = ("digits", *_IDX_SETS)


def _load_idx(name, root):
    class_name, sums = _IDX_SETS[name]
    folder = root / class_name / "raw"
    present = [file for file in _FILES if (folder / file).is_file()]
    if len(present) < len(_FILES):
        _download(class_name, root, folder)
    for file, shape in _FILES.items():
        _check(folder / file, shape, sums.get(file))

    from intriguing.torchvision_import import import_torchvision

    torchvision = import_torchvision()
    source = getattr(torchvision.datasets, class_name)
    train = source(root=root, train=True, download=False)
    test = source(root=root, train=False, download=False)
    for split in (train, test):
        counts = torch.bincount(split.targets, minlength=10)
        if len(counts) > 10 or (name == "fashion_mnist" and len(counts.unique()) > 1):
            raise DataError(
                f"the labels in {folder} are not those of {class_name}: {_remedy(folder)}"
            )
    names = tuple(train.classes)
    return Dataset(
        name,
        train.data[:, None].float().div_(255),
        train.targets.long(),
        test.data[:, None].float().div_(255),
        test.targets.long(),
        names,
    )


def _download(class_name, root, folder):
    from urllib.error import URLError

    from intriguing.torchvision_import import import_torchvision

    source = getattr(import_torchvision().datasets, class_name)
    try:
        # torchvision checks the MD5 of each archive, also of one that is already there
        source(root=root, download=True)
    except (RuntimeError, URLError, OSError, gzip.BadGzipFile) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{class_name} is not in {folder} and cannot be downloaded ({reason}):"
            f" {_remedy(folder)}"
        ) from error


def _check(path, shape, md5):
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


def _remedy(folder):
    files = ", ".join(f"{file}[.gz]" for file in _FILES)
    return (
        f"put the original {files} into {folder} (deleting what is wrong there), or set data.root"
        f" in the experiment or the environment variable {ROOT_VARIABLE} to the folder that"
        f" holds {folder.parent.name}/raw"
    )
