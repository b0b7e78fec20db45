"""Which classes a data set has and how many images, before any image is read.

For sentences before the first job: what is unusual is not known here, and left to the reader.
Knows nothing of torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intriguing.datasets.published import SETS
from intriguing.errors import DataError


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
    # loads numpy, which takes longer than all else that planning needs of this package
    from intriguing.datasets.class_folders import class_folders, files_of_class, sets

    def counts(where: Path) -> dict[str, int]:
        return {name: len(files_of_class(path)) for name, path in class_folders(where).items()}

    try:
        own = {split: counts(path) for split, path in sets(folder).items()}
        whole = {} if own else counts(folder)
    except (OSError, DataError):
        return None
    train, test = own.get("train", whole), own.get("test", whole)
    if train.keys() != test.keys() or len(train) < 2:
        return None
    if own:
        numbers = {"train": list(train.values()), "test": [test[name] for name in train]}
        return Inventory(tuple(train), numbers)
    return Inventory(tuple(whole), _held_out(list(whole.values()), test_fraction))


def _held_out(numbers: Sequence[int], fraction: float) -> dict[str, list[int]]:
    """Images of each class left to train and held out, as `splits.stratified_test` draws them."""
    test = [round(fraction * number) for number in numbers]
    if not any(test):  # drawn from all classes alike
        return {}
    train = [number - held_out for number, held_out in zip(numbers, test, strict=True)]
    return {"train": train, "test": test}
