"""Which classes a data set has and how many images, before any image is read.

For sentences before the first job: what is unusual is not known here, and left to the reader.
Knows nothing of torch.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intriguing.datasets.published import SETS

# folders of these names may be splits and not classes
_SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation")


@dataclass(frozen=True)
class Inventory:
    """Classes and number of images.

    class_names : tuple of str
        Composed (Unicode NFC), whatever a file system makes of accents.
    splits : mapping of str to sequence of int
        Number of images of each class in ``train`` and ``test``; empty where not known.
    """

    class_names: tuple[str, ...]
    splits: Mapping[str, Sequence[int]]


def published(name: str, test_fraction: float) -> Inventory | None:
    """Inventory of a published data set; None if none has that name."""
    if name not in SETS:
        return None
    known = SETS[name]
    if known.test is None:
        return Inventory(known.class_names, _held_out(known.train, test_fraction))
    return Inventory(known.class_names, {"train": known.train, "test": known.test})


def of_folder(folder: Path, test_fraction: float) -> Inventory | None:
    """Inventory of an image folder as `folder.read` takes it.

    Returns
    -------
    Inventory or None
        None if only the reader can say what the folder holds, or what is wrong with it. Files that
        are not images are counted: there may be fewer images, never more.
    """
    try:
        splits = {name for name in _folders(folder) if name.lower() in _SPLITS}
        if splits == {"train", "test"}:
            return _of_splits(folder)
        whole = {} if splits else _counts(folder)
    except (OSError, ValueError):
        return None
    if len(whole) < 2:
        return None
    return Inventory(tuple(whole), _held_out(list(whole.values()), test_fraction))


def _of_splits(folder: Path) -> Inventory | None:
    train, test = (_counts(folder / split) for split in ("train", "test"))
    if train.keys() != test.keys() or len(train) < 2:
        return None
    numbers = {"train": list(train.values()), "test": [test[name] for name in train]}
    return Inventory(tuple(train), numbers)


def _held_out(numbers: Sequence[int], fraction: float) -> dict[str, list[int]]:
    """Images of each class left to train and held out, as `splits.stratified_test` draws them."""
    test = [round(fraction * number) for number in numbers]
    if not any(test):  # drawn from all classes alike
        return {}
    train = [number - held_out for number, held_out in zip(numbers, test, strict=True)]
    return {"train": train, "test": test}


def _counts(folder: Path) -> dict[str, int]:
    return {name: _files(path) for name, path in _folders(folder).items()}


def _folders(folder: Path) -> dict[str, Path]:
    """Paths of the visible folders in a folder, by their composed names."""
    with os.scandir(folder) as entries:
        paths = [Path(entry.path) for entry in entries if _visible(entry) and entry.is_dir()]
    found = {unicodedata.normalize("NFC", path.name): path for path in sorted(paths)}
    if len(found) < len(paths):
        raise ValueError("two spellings of one name")
    return found


def _files(folder: Path) -> int:
    """Number of visible files below a folder; ValueError if links lead to others."""
    number = 0
    with os.scandir(folder) as entries:
        for entry in filter(_visible, entries):
            if entry.is_dir(follow_symlinks=False):
                number += _files(Path(entry.path))
            elif entry.is_symlink() and entry.is_dir():
                raise ValueError("a link to a folder")
            else:
                number += 1
    return number


def _visible(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".")
