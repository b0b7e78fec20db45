"""Your own images: a folder for each class, read by Pillow.

Which images there are is settled first (`class_folders`), so that a subset decodes only what it
keeps. What cannot be read is named in the error.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from intriguing.datasets.class_folders import FORMATS, Listing, listing, report_the_rest, sets
from intriguing.datasets.dataset import Dataset, intensities
from intriguing.datasets.root import ROOT_VARIABLE
from intriguing.datasets.subset import Subset, held_out_test
from intriguing.errors import DataError
from intriguing.progress import Progress
from intriguing.torchvision_import import import_torchvision

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

SPLITS = ("train", "test")


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
        With ``train/<class>/*`` and ``test/<class>/*`` (or other names of sets, see
        `class_folders.sets`), or with ``<class>/*``: then ``test_fraction`` of the images are the
        test set, drawn with the seed of the subset.
    test_fraction : float
    size, resize, channels : int, optional
        As of `decode`.

    Returns
    -------
    dataset.Dataset
        The classes are in alphabetical order, their names in composed Unicode (NFC).

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
    splits = sets(folder)
    if splits:
        report_the_rest(folder, splits)
        names, listings = _own_splits(splits)
    else:
        names, whole = listing(folder)
        train, test = held_out_test(whole.labels, test_fraction, subset.seed)
        listings = {"train": whole[train], "test": whole[test]}
    return decoded(
        "image_folder", listings, subset, names, size=size, resize=resize, channels=channels
    )


def _own_splits(folders: Mapping[str, Path]) -> tuple[tuple[str, ...], dict[str, Listing]]:
    names, listings = {}, {}
    for split in SPLITS:
        names[split], listings[split] = listing(folders[split])
    for split, other in (SPLITS, SPLITS[::-1]):
        lacking = sorted(set(names[other]) - set(names[split]))
        if lacking:
            raise DataError(
                f"{folders[split]} lacks the class {lacking[0]}, which {folders[other]} has: both"
                " need the same class folders"
            )
    return names["train"], listings


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
        CMYK and images with an alpha channel count as colour. Transparency is dropped, so that
        the colour which a file holds for a transparent pixel becomes visible; the log says so.

    Returns
    -------
    uint8 array (N, C, H, W)

    Raises
    ------
    DataError
        If a file cannot be read completely, is of a format that is not read, has more than 8 bits
        a channel or several pictures (those after the first in an MPO file are previews), or if
        the images differ in size or in channels where they must not.
    """
    _check_geometry(size, resize, channels)
    images = np.empty((0, 0, 0, 0), dtype=np.uint8)
    transparent = []
    with Progress("decoding", len(paths), "images") as progress:
        for position, path in enumerate(paths):
            image, has_transparency = _opened(path)
            if has_transparency:
                transparent.append(path)
            image = _in_channels(image, path, channels)
            if size is not None and image.size != (size, size):
                image = _cropped(image, size, resize or size)
            pixels = np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)
            if position == 0:
                images = np.empty((len(paths), *pixels.shape), dtype=np.uint8)
            elif pixels.shape != images.shape[1:]:
                raise _mixed(paths[0], images.shape[1:], path, pixels.shape)
            images[position] = pixels
            progress.advance()
    if transparent:
        logger.warning(
            "%d of %d images have transparent pixels, the first is %s: transparency is dropped, and"
            " the colours that the files hold there are used",
            *(len(transparent), len(paths), transparent[0]),
        )
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


def _opened(path: str | Path) -> tuple[Image.Image, bool]:
    """The image of a file, and whether it is transparent somewhere."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            deep = _more_than_8_bits(image)
            # the further pictures in a camera's MPO file are previews
            pictures = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            transparent = not deep and _is_transparent(image)
    # damaged files make the decoders raise almost anything
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise DataError(
            f"{path} cannot be read ({reason}): replace it by an intact image, or delete it"
        ) from error
    if image.format not in FORMATS:
        raise DataError(
            f"{path} is in the format {image.format}, whatever its name: convert it to PNG, or"
            " delete it"
        )
    if pictures > 1:
        raise DataError(
            f"{path} holds {pictures} pictures: save each as a file of its own, or delete it"
        )
    if deep:
        raise DataError(
            f"{path} has more than 8 bits a pixel in a channel (mode {image.mode}): convert it to 8"
            " bits, with the scaling that suits it"
        )
    return image, transparent


def _more_than_8_bits(image: Image.Image) -> bool:
    """Whether a file that is open, but not yet loaded, has channels of more than 8 bits.

    Pillow has images of one such channel, and cuts several to 8 bits each.
    """
    if image.mode.startswith(("I", "F")):
        return True
    if image.format == "TIFF":
        bits_per_sample = 258
        return max(image.tag_v2.get(bits_per_sample, (1,))) > 8
    arguments = image.tile[0].args if image.tile else None
    if image.format == "PPM":
        return isinstance(arguments, tuple) and arguments[-1] > 255
    # the name of the raw mode; "BGR;16" of a BMP file is 5 or 6 bits a channel
    return image.format == "PNG" and str(arguments).endswith(";16B")


def _is_transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    least, _ = image.convert("RGBA").getchannel("A").getextrema()
    return least < 255


def _in_channels(image: Image.Image, path: str | Path, channels: int | None) -> Image.Image:
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
