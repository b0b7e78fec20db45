"""Which images there are: a folder for each class, in folders of the training and the test set.

No file is left out without a word: what is not an image is named in the error.
"""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from intriguing.datasets.root import walk
from intriguing.errors import DataError

logger = logging.getLogger(__name__)

# Formats of which Pillow reports the bits of a channel, or that have 8. Others (JPEG 2000, AVIF)
# may have more, which it would cut to 8 without a word.
FORMATS = ("BMP", "GIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")
# what file managers, archives and network drives leave behind; names with a dot in front are
# skipped as well
_LITTER = frozenset(
    ["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"]
)
_WORDS = {
    "train": "train|training",
    "test": "test|testing",
    "validation": "val|valid|validation|dev|eval|evaluation",
}
_SETS = {
    role: re.compile(rf"(?:{words})(?:set|data|dataset|images?|split)?")
    for role, words in _WORDS.items()
}


@dataclass(frozen=True)
class Listing:
    """Image files and their labels.

    paths : object array (N,) of str.
    labels : int64 array (N,).
    """

    paths: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: Any) -> Listing:
        return Listing(self.paths[rows], self.labels[rows])

    def __len__(self) -> int:
        return len(self.labels)


def sets(folder: Path) -> dict[str, Path]:
    """The folders of the training and of the test set, if ``folder`` has these.

    Upper and lower case are the same. A validation set is the test set where there is no other.

    Returns
    -------
    dict
        ``train`` and ``test``; empty if the folders are those of classes.

    Raises
    ------
    DataError
        If one of the two is missing or there twice, or folders may be classes as well as sets.
    """
    roles = _roles(folder)
    _check_links(folder)
    used = {
        "train": roles.get("train", []),
        "test": roles.get("test") or roles.get("validation", []),
    }
    for split, paths in used.items():
        if len(paths) > 1:
            raise DataError(
                f"{folder} has {paths[0].name}/ and {paths[1].name}/, both for the {split} set: put"
                " the images of both into one, or rename them if they are classes"
            )
    found = {split: paths[0] for split, paths in used.items() if paths}
    nested = any(_folders(path) for path in found.values())
    if len(found) == 2:
        if not nested:
            raise DataError(
                f"{folder} has {found['train'].name}/ and {found['test'].name}/ without class"
                " folders: put the images of each class into a folder there, or rename the two if"
                " they are classes themselves"
            )
        return found
    for split, path in found.items():
        if nested:
            missing = "test" if split == "train" else "train"
            raise DataError(
                f"{folder} has {path.name}/ but no {missing}/: add {missing}/ with the same"
                " classes, or put the class folders directly into it to have a test set drawn; if"
                f" {path.name} is a class, rename it"
            )
    _check_for_other_sets(folder)
    return {}


def _roles(folder: Path) -> dict[str, list[Path]]:
    """The folders that have the name of a set, for each role of `_WORDS` that there is."""
    roles: dict[str, list[Path]] = {}
    for path in _folders(folder):
        role = _role(re.sub(r"[\W_]+", "", path.name))
        if role:
            roles.setdefault(role, []).append(path)
    return roles


def _role(word: str) -> str | None:
    return next((role for role, words in _SETS.items() if words.fullmatch(word.casefold())), None)


def report_the_rest(folder: Path, found: dict[str, Path]) -> None:
    """Log which folders beside those of the sets are not used."""
    rest = [path.name for path in _folders(folder) if path not in found.values()]
    if rest:
        used = " and ".join(path.name for path in found.values())
        logger.warning("%s: only %s are used, not %s", folder, used, ", ".join(rest))


def _check_for_other_sets(folder: Path) -> None:
    """Refuse sets that `sets` does not know: seg_train/ and seg_test/, or <class>/train/."""
    paths = _folders(folder)
    roles = {path: _role_within(path.name) for path in paths}
    train = [path for path, role in roles.items() if role == "train"]
    other = [path for path, role in roles.items() if role not in (None, "train")]
    if train and other and (None not in roles.values() or any(map(_folders, train))):
        raise DataError(
            f"{folder} has {train[0].name}/ and {other[0].name}/, which seem to be a training and"
            " a test set: rename them to train and test, or to something else if they are classes"
        )
    for path in paths:
        inside = _roles(path)
        if "train" in inside and len(inside) > 1:
            raise DataError(
                f"{path} has a training and a test set of its own: put the class folders into"
                " train/ and test/ instead, or all images of a class into its folder"
            )


def _role_within(name: str) -> str | None:
    return next(filter(None, map(_role, re.split(r"[\W\d_]+", name))), None)


def listing(folder: Path) -> tuple[tuple[str, ...], Listing]:
    """Which images there are in the class folders of ``folder``.

    Returns
    -------
    (tuple of str, Listing)
        Class names and images, both in alphabetical order. A class has the name of its folder with
        composed accents (NFC), because some systems store them decomposed.

    Raises
    ------
    DataError
        If there are less than two classes, two with the same name, a class has no image, or there
        are other files.
    """
    folders = class_folders(folder)
    if len(folders) < 2:
        there = f"only the class folder {next(iter(folders))}" if folders else "no class folders"
        raise DataError(f"{folder} has {there}: put the images of each class into a folder there")
    _check_links(folder)
    extensions = _extensions()
    for entry in sorted(folder.iterdir()):
        if entry.is_file() and not _hidden(entry, folder) and entry.suffix.lower() in extensions:
            raise DataError(f"{entry} is in no class folder: move it into one, or delete it")
    paths: list[str] = []
    labels: list[int] = []
    for label, place in enumerate(folders.values()):
        images = _images(place, extensions)
        if not images:
            raise DataError(f"{place} has no images: add some, or delete it")
        paths += images
        labels += [label] * len(images)
    return tuple(folders), Listing(np.array(paths, dtype=object), np.array(labels, dtype=np.int64))


def files_of_class(place: Path) -> list[str]:
    """Paths of the files of a class, sorted by folder and name, without what is hidden.

    Raises
    ------
    DataError
        If a folder cannot be listed, or a link leads back.
    """

    def refuse(error: OSError) -> None:
        if not _hidden(error.filename, place):
            raise _unlisted(error.filename, error) from error

    found = []
    for where, back, files in walk(place, refuse):
        for name in back:
            if not _hidden(os.path.join(where, name), place):
                raise DataError(
                    f"{os.path.join(where, name)} is a link to a folder that it lies in: delete it"
                )
        found += [(where, name) for name in files if not _hidden(os.path.join(where, name), place)]
    return [os.path.join(*parts) for parts in sorted(found)]


def _images(place: Path, extensions: tuple[str, ...]) -> list[str]:
    paths = files_of_class(place)
    for path in paths:
        if not path.lower().endswith(extensions):
            raise DataError(
                f"{path} is not an image that can be read ({', '.join(extensions)}): convert it, or"
                " delete it"
            )
    return paths


def _extensions() -> tuple[str, ...]:
    from PIL import Image

    return tuple(sorted(e for e, name in Image.registered_extensions().items() if name in FORMATS))


def class_folders(folder: Path) -> dict[str, Path]:
    """Folders of the classes by the names of the classes (NFC), sorted.

    Raises
    ------
    DataError
        If two names are the same, one is not in UTF-8, or the folder cannot be listed.
    """
    folders: dict[str, Path] = {}
    for path in _folders(folder):
        name = unicodedata.normalize("NFC", path.name)
        if name in folders:
            raise DataError(
                f"{folder} has two folders {name}, whose accents are encoded in different ways: put"
                " the images of both into one"
            )
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{folder} has a folder {name!a}, whose name is not in UTF-8: rename it"
            ) from error
        folders[name] = path
    return dict(sorted(folders.items()))


def _folders(folder: Path) -> list[Path]:
    if not os.path.isdir(folder):
        raise DataError(f"{folder} is not there: it must hold a folder for each class")
    try:
        with os.scandir(folder) as entries:
            # of a link in a circle scandir raises an error
            paths = [
                Path(entry)
                for entry in entries
                if (os.path.isdir(entry) if entry.is_symlink() else entry.is_dir())
            ]
    except OSError as error:
        raise _unlisted(folder, error) from error
    return sorted(path for path in paths if not _hidden(path, folder))


def _unlisted(folder: str | Path, error: OSError) -> DataError:
    return DataError(f"{folder} cannot be listed ({error.strerror}): make it readable")


def _check_links(folder: Path) -> None:
    """Refuse a link that leads nowhere: it may be that of a class."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() and not os.path.exists(path) and not _hidden(path, folder):
            raise DataError(
                f"{path} is a link to {os.readlink(path)}, which is not there: correct or delete it"
            )


def _hidden(path: str | Path, folder: Path) -> bool:
    parts = Path(path).relative_to(folder).parts
    return any(part.startswith(".") or part.lower() in _LITTER for part in parts)
