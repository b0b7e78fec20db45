"""CIFAR-10: the published batches, or a folder of JPEG copies where there are no batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from intriguing.datasets.class_folders import Listing, listing
from intriguing.datasets.dataset import Dataset, intensities
from intriguing.datasets.download import download, elsewhere
from intriguing.datasets.folder import decoded
from intriguing.datasets.published import SETS
from intriguing.datasets.subset import Subset
from intriguing.errors import DataError
from intriguing.torchvision_import import import_torchvision

JPEG_FOLDER = "cifar10-jpeg"
# in the order of the published labels, which is the alphabetical one
CLASS_NAMES = SETS["cifar10"].class_names
IMAGES_A_CLASS = {"train": 5000, "test": 1000}


def read(root: Path, subset: Subset) -> Dataset:
    """Read CIFAR-10.

    Parameters
    ----------
    root : Path
        The batches are in ``<root>/cifar-10-batches-py`` or the archive
        ``<root>/cifar-10-python.tar.gz``. Otherwise the JPEG copies in
        ``<root>/cifar10-jpeg/{train,test}/<class>/`` are read, if they are there; otherwise the
        archive is downloaded.
    subset : subset.Subset

    Returns
    -------
    dataset.Dataset
        Called ``cifar10``, or ``cifar10-jpeg``: lossy copies are another data set.

    Raises
    ------
    DataError
        If the files are missing and cannot be downloaded, or are truncated, altered or too few.
    """
    source = import_torchvision().datasets.CIFAR10
    here = (root / source.base_folder).is_dir() or (root / source.filename).is_file()
    if not here and (root / JPEG_FOLDER).is_dir():
        return _read_jpegs(root / JPEG_FOLDER, subset)
    return _read_batches(source, root, subset)


def _read_batches(source: Any, root: Path, subset: Subset) -> Dataset:
    folder, archive = root / source.base_folder, root / source.filename
    remedy = (
        f"put the original {source.filename} into {root} and delete {folder},"
        f" {elsewhere(source.base_folder)}"
    )
    files = [*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])]
    if not all((folder / name).is_file() for name, _ in files):
        if archive.is_file():
            _check(archive, source.tgz_md5, remedy)
        download(source, root, folder, remedy)
    try:
        contents = {split: source(root=root, train=split == "train") for split in ("train", "test")}
    except RuntimeError as error:
        # torchvision says that a file is altered, but not which
        for name, md5 in files:
            _check(folder / name, md5, remedy)
        raise DataError(f"{folder} cannot be read ({error}): {remedy}") from error
    tensors: list[torch.Tensor] = []
    for split, content in contents.items():
        rows = subset.rows(split, len(content.targets))
        pixels = torch.from_numpy(content.data[rows]).permute(0, 3, 1, 2)
        tensors += [
            intensities(pixels.contiguous()),
            torch.from_numpy(np.array(content.targets, dtype=np.int64)[rows]),
        ]
    train_images, train_labels, test_images, test_labels = tensors
    class_names = tuple(contents["train"].classes)
    return Dataset("cifar10", train_images, train_labels, test_images, test_labels, class_names)


def _check(path: Path, md5: str, remedy: str) -> None:
    if not import_torchvision().datasets.utils.check_integrity(path, md5):
        raise DataError(f"{path} is not the published file (its MD5 is not {md5}): {remedy}")


def _read_jpegs(folder: Path, subset: Subset) -> Dataset:
    remedy = (
        f"unpack the copies again, or put the original cifar-10-python.tar.gz into {folder.parent}"
    )
    listings: dict[str, Listing] = {}
    for split, expected in IMAGES_A_CLASS.items():
        names, listings[split] = listing(folder / split)
        if names != CLASS_NAMES:
            raise DataError(
                f"the class folders of {folder / split} are {', '.join(names)} instead of"
                f" {', '.join(CLASS_NAMES)}: {remedy}"
            )
        for label, count in enumerate(np.bincount(listings[split].labels)):
            if count != expected:
                raise DataError(
                    f"{folder / split / names[label]} has {count} images instead of {expected}:"
                    f" {remedy}"
                )
    dataset = decoded(JPEG_FOLDER, listings, subset, CLASS_NAMES)
    if dataset.train_images.shape[1:] != (3, 32, 32):
        raise DataError(
            f"the images in {folder} are {tuple(dataset.train_images.shape[1:])} instead of"
            f" (3, 32, 32): {remedy}"
        )
    return dataset
