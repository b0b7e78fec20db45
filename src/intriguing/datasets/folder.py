"""Your own images: a folder for each class, read by Pillow.

Which images there are is settled first, so that a subset decodes only what it keeps. No file is
left out without a word: what is not an image, or cannot be read, is named in the error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from intriguing.datasets.dataset import Dataset, intensities
from intriguing.datasets.root import ROOT_VARIABLE
from intriguing.datasets.subset import Subset, held_out_test
from intriguing.errors import DataError
from intriguing.progress import Progress
from intriguing.torchvision_import import import_torchvision

if TYPE_CHECKING:
    from PIL import Image

SPLITS = ("train", "test")
# what file managers leave behind; names with a dot in front are skipped as well
_LITTER = ("thumbs.db", "desktop.ini")


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


def read(
    root: Path,
    subset: Subset,
    *,
    folder: str | Path | None = None,
    test_fraction: float = 0.2,
    size: int | None = None,
    resize: int | None = None,
    channels: int | None = None,
) -> Dataset:
    """Read a folder of images.

    Parameters
    ----------
    root : Path
        Where a relative ``folder`` is.
    subset : subset.Subset
    folder : path
        With ``train/<class>/*`` and ``test/<class>/*``, or with ``<class>/*``: then
        ``test_fraction`` of the images are the test set, drawn with the seed of the subset.
    test_fraction : float
    size, resize, channels : int, optional
        As of `decode`.

    Returns
    -------
    dataset.Dataset
        The classes are in alphabetical order.

    Raises
    ------
    DataError
        If the folder is not of this form, or an image cannot be read or does not fit the others.
    """
    if folder is None:
        raise DataError("data.folder is missing: set it to the folder of the images")
    folder = root / Path(folder).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder: set data.folder to the folder of the images; a relative"
            f" path is under data.root or the environment variable {ROOT_VARIABLE}"
        )
    present = [split for split in SPLITS if (folder / split).is_dir()]
    if len(present) == 2:
        names, listings = _own_splits(folder)
    elif present and _class_folders(folder / present[0]):
        missing = next(split for split in SPLITS if split not in present)
        raise DataError(
            f"{folder} has {present[0]}/ but no {missing}/: add {missing}/ with the same classes,"
            " or put the class folders directly into it to have a test set drawn"
        )
    else:
        names, whole = listing(folder)
        train, test = held_out_test(whole.labels, test_fraction, subset.seed)
        listings = {"train": whole[train], "test": whole[test]}
    return decoded(
        "image_folder", listings, subset, names, size=size, resize=resize, channels=channels
    )


def listing(folder: Path) -> tuple[tuple[str, ...], Listing]:
    """Which images there are in the class folders of ``folder``.

    Returns
    -------
    (tuple of str, Listing)
        Class names and images, both in alphabetical order.

    Raises
    ------
    DataError
        If there are less than two classes, a class has no image, or there are other files.
    """
    names = _class_folders(folder)
    if len(names) < 2:
        there = f"only the class folder {names[0]}" if names else "no class folders"
        raise DataError(f"{folder} has {there}: put the images of each class into a folder there")
    datasets = import_torchvision().datasets
    extensions = datasets.folder.IMG_EXTENSIONS
    for entry in sorted(folder.iterdir()):
        if entry.is_file() and not _hidden(entry, folder) and entry.suffix.lower() in extensions:
            raise DataError(f"{entry} is in no class folder: move it into one, or delete it")

    def is_image(path: str) -> bool:
        if _hidden(path, folder):
            return False
        if not path.lower().endswith(extensions):
            raise DataError(
                f"{path} is not an image that can be read ({', '.join(extensions)}): convert it, or"
                " delete it"
            )
        return True

    pairs = datasets.folder.make_dataset(
        folder,
        {name: label for label, name in enumerate(names)},
        is_valid_file=is_image,
        allow_empty=True,
    )
    found = Listing(
        np.array([path for path, _ in pairs], dtype=object),
        np.array([label for _, label in pairs], dtype=np.int64),
    )
    for label, count in enumerate(np.bincount(found.labels, minlength=len(names))):
        if not count:
            raise DataError(f"{folder / names[label]} has no images: add some, or delete it")
    return tuple(names), found


def _own_splits(folder: Path) -> tuple[tuple[str, ...], dict[str, Listing]]:
    names, listings = {}, {}
    for split in SPLITS:
        names[split], listings[split] = listing(folder / split)
    for split, other in (SPLITS, SPLITS[::-1]):
        lacking = sorted(set(names[other]) - set(names[split]))
        if lacking:
            raise DataError(
                f"{folder / split} lacks the class {lacking[0]}, which {folder / other} has: both"
                " need the same class folders"
            )
    return names["train"], listings


def _class_folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not there: it must hold a folder for each class")
    try:
        entries = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError as error:
        raise DataError(
            f"{folder} cannot be listed ({error.strerror}): make it readable"
        ) from error
    return [name for name in entries if not name.startswith(".")]


def _hidden(path: str | Path, folder: Path) -> bool:
    parts = Path(path).relative_to(folder).parts
    return any(part.startswith(".") for part in parts) or parts[-1].lower() in _LITTER


def decoded(
    name: str,
    listings: Mapping[str, Listing],
    subset: Subset,
    class_names: Sequence[str],
    **geometry: int | None,
) -> Dataset:
    """Keep a subset of some listed images, decode it, and make a data set of it.

    Parameters
    ----------
    name : str
        Name of the data set.
    listings : dict
        `Listing` of ``train`` and of ``test``.
    subset : subset.Subset
    class_names : tuple of str
    geometry
        ``size``, ``resize`` and ``channels`` as of `decode`.

    Returns
    -------
    dataset.Dataset
    """
    train, test = (listings[split][subset.rows(split, len(listings[split]))] for split in SPLITS)
    # together, because both have to be of one form
    pixels = torch.from_numpy(decode([*train.paths, *test.paths], **geometry))
    return Dataset(
        name,
        intensities(pixels[: len(train)]),
        torch.from_numpy(train.labels),
        intensities(pixels[len(train) :]),
        torch.from_numpy(test.labels),
        tuple(class_names),
    )


def decode(
    paths: Sequence[str | Path],
    *,
    size: int | None = None,
    resize: int | None = None,
    channels: int | None = None,
) -> np.ndarray:
    """Read image files.

    Parameters
    ----------
    paths : list of path
        At least one.
    size : int, optional
        Height and width of the result: the middle of the image, once its shorter side has been
        resized to ``resize`` (bilinear, antialiased). An image that has this size already is
        left as it is. None: all images have one size, which is kept.
    resize : int, optional
        At least ``size``, which is the default.
    channels : {1, 3}, optional
        Grey or RGB. None: as the files are, which must be all grey or all in colour. Palettes,
        CMYK and images with transparency count as colour; transparency is dropped.

    Returns
    -------
    uint8 array (N, C, H, W)

    Raises
    ------
    DataError
        If a file cannot be read completely, has more than 8 bits a channel or several pictures,
        or if the images differ in size or in channels where they must not.
    """
    _check_geometry(size, resize, channels)
    images = np.empty((0, 0, 0, 0), dtype=np.uint8)
    with Progress("decoding", len(paths), "images") as progress:
        for position, path in enumerate(paths):
            image = _in_channels(_opened(path), path, channels)
            if size is not None and image.size != (size, size):
                image = _cropped(image, size, resize or size)
            pixels = np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)
            if position == 0:
                images = np.empty((len(paths), *pixels.shape), dtype=np.uint8)
            elif pixels.shape != images.shape[1:]:
                raise _mixed(paths[0], images.shape[1:], path, pixels.shape)
            images[position] = pixels
            progress.advance()
    return images


def _check_geometry(size: int | None, resize: int | None, channels: int | None) -> None:
    if channels not in (None, 1, 3):
        raise DataError(f"data.channels is {channels}: give 1 (grey) or 3 (RGB), or leave it out")
    if size is not None and size < 1:
        raise DataError(f"data.size is {size}: give the side of the images in pixels")
    if resize is None:
        return
    if size is None:
        raise DataError(f"data.resize is {resize} without data.size: give the size of the crop")
    if resize < size:
        raise DataError(
            f"data.resize is {resize}, less than data.size, {size}: the crop would be larger than"
            " the image; raise it or leave it out"
        )


def _mixed(
    first: str | Path, first_shape: Sequence[int], second: str | Path, second_shape: Sequence[int]
) -> DataError:
    if first_shape[0] != second_shape[0]:
        kind = {1: "grey", 3: "in colour"}
        return DataError(
            f"{first} is {kind[first_shape[0]]} and {second} is {kind[second_shape[0]]}: set"
            " data.channels to 1 or 3"
        )
    (_, height, width), (_, other_height, other_width) = first_shape, second_shape
    return DataError(
        f"{first} has {width}x{height} pixels and {second} {other_width}x{other_height}: set"
        " data.size to the side that all shall have"
    )


def _opened(path: str | Path) -> Image.Image:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            # the further pictures in a camera's MPO file are previews
            pictures = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
    # damaged files make the decoders raise almost anything
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise DataError(
            f"{path} cannot be read ({reason}): replace it by an intact image, or delete it"
        ) from error
    if pictures > 1:
        raise DataError(
            f"{path} holds {pictures} pictures: save each as a file of its own, or delete it"
        )
    return image


def _in_channels(image: Image.Image, path: str | Path, channels: int | None) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        raise DataError(
            f"{path} has more than 8 bits a pixel (mode {image.mode}): convert it to 8 bits, with"
            " the scaling that suits it"
        )
    if image.mode in ("1", "L"):
        mode = "RGB" if channels == 3 else "L"
        return image if image.mode == mode else image.convert(mode)
    try:
        if image.mode != "RGB":
            # by way of RGBA, because Pillow warns of palettes with transparency otherwise
            image = image.convert("RGBA" if image.mode == "P" else "RGB").convert("RGB")
    except ValueError as error:
        raise DataError(
            f"{path} cannot be converted to RGB ({error}): save it in RGB, or delete it"
        ) from error
    return image.convert("L") if channels == 1 else image


def _cropped(image: Image.Image, size: int, resize: int) -> Image.Image:
    functional = import_torchvision().transforms.functional
    # Pillow's bilinear filter widens with the scale, which is what antialiasing means
    image = functional.resize(image, [resize], interpolation=functional.InterpolationMode.BILINEAR)
    return functional.center_crop(image, [size, size])
