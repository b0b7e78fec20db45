"""The data stage's artifact: a data set and its parts in one array file.

It is written once for an experiment and read by every later job, without torch or torchvision.
Images that come from pixels are stored as these, a byte each, if the float32 values are recovered
bit for bit; a job reads and converts only the images that it uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors

from intriguing import splits
from intriguing.artifacts.files import read_arrays, read_settings, reading, write_arrays
from intriguing.errors import ArtifactError

if TYPE_CHECKING:
    from intriguing.datasets.dataset import Dataset

# pixels of 8 bits, and the grey values of scikit-learn's digits
_SCALES = (255, 16)
_SETTINGS = ("digest", "class_names", "image_shape", "scale", "parts", "seed")
# images that are converted at a time: without the limit the memory would hold the set twice
_AT_A_TIME = 1024


@dataclass(frozen=True)
class Split:
    """Some images of a data set.

    images : float32 array (N, C, H, W).
    labels : int64 array (N,).
    indices : int64 array (N,), positions in the training set (test set for ``test``).
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class DatasetFile:
    """A stored data set; splits are read when asked for."""

    path: str
    settings: dict[str, Any]

    @property
    def class_names(self) -> list[str]:
        return self.settings["class_names"]

    @property
    def image_shape(self) -> tuple[int, ...]:
        return tuple(self.settings["image_shape"])

    @property
    def digest(self) -> str:
        return self.settings["digest"]

    @property
    def split_names(self) -> tuple[str, ...]:
        return ("train", "test", *self.settings["parts"])

    def split(self, name: str) -> Split:
        """Images, labels and indices of ``train``, ``test`` or a part such as ``P1``."""
        base, labels, indices = self._rows(name)
        return Split(self._images(base, indices), labels, indices)

    def sample(
        self, name: str, count: int, without: int | None = None, *, most: bool = False
    ) -> Split:
        """``count`` images of a split at random, the same for every model and attack.

        Parameters
        ----------
        name : str
        count : int
        without : int, optional
            Label of a class whose images do not take part. Apart from them, the sample is the
            one without this parameter, with the next images of the random order in their place.
        most : bool
            Take all of the split if it has fewer than ``count``.

        Raises
        ------
        ArtifactError
            If the split has fewer images, or there is no such class.
        """
        base, labels, indices = self._rows(name)
        allowed, kind = None, "images"
        if without is not None:
            if not 0 <= without < len(self.class_names):
                raise ArtifactError(
                    f"{self.path} has no class {without}: give a label from 0 to"
                    f" {len(self.class_names) - 1}"
                )
            allowed, kind = labels != without, f"images that are not of class {without}"
        number = len(labels) if allowed is None else int(allowed.sum())
        count = min(count, number) if most else count
        if count > number:
            raise ArtifactError(
                f"{count} {kind} are needed of split {name!r}, which has {number}:"
                " lower `count` in the experiment"
            )
        rows = splits.sample(len(labels), count, self.settings["seed"], allowed)
        return Split(self._images(base, indices[rows]), labels[rows], indices[rows])

    def _rows(self, name: str) -> tuple[str, np.ndarray, np.ndarray]:
        """Base set of a split ("train" or "test"), labels, and positions in the base set."""
        if name not in self.split_names:
            known = ", ".join(self.split_names)
            raise ArtifactError(f"{self.path} has no split {name!r}: choose one of {known}")
        base = "test" if name == "test" else "train"
        wanted = [f"{base}_labels"]
        if name in self.settings["parts"]:
            wanted.append(f"part_{name}")
        arrays, _ = read_arrays(self.path, wanted)
        labels = arrays[wanted[0]]
        if len(wanted) == 1:
            return base, labels, np.arange(len(labels))
        indices = arrays[wanted[1]]
        if not np.isin(indices, np.arange(len(labels))).all():
            raise ArtifactError(f"{self.path} is damaged: delete it and run snakemake again")
        return base, labels[indices], indices

    def _images(self, base: str, rows: np.ndarray) -> np.ndarray:
        """Images at sorted positions of a base set: float32 (N, C, H, W)."""
        images = np.empty((len(rows), *self.image_shape), dtype=np.float32)
        with reading(self.path), safetensors.safe_open(self.path, framework="numpy") as file:
            stored = file.get_slice(f"{base}_images")
            start = 0
            for run in _runs(rows):
                images[start : start + len(run)] = stored[int(run[0]) : int(run[-1]) + 1]
                start += len(run)
            packed = stored.get_dtype() == "U8"
        if packed:
            images /= np.float32(self.settings["scale"])
        return images


def _runs(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Cut sorted positions into runs of consecutive ones: few reads for many images."""
    for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
        for start in range(0, len(run), _AT_A_TIME):
            yield run[start : start + _AT_A_TIME]


def write_dataset(
    path: str | Path, dataset: Dataset, *, parts: Sequence[str], seed: int, code: str = ""
) -> None:
    """Store a `datasets.dataset.Dataset` and its disjoint ``parts`` of the training set."""
    indices = splits.disjoint_parts(len(dataset.train_labels), parts, seed)
    images, scale = _packed([dataset.train_images.numpy(), dataset.test_images.numpy()])
    arrays = {
        "train_images": images[0],
        "train_labels": dataset.train_labels.numpy(),
        "test_images": images[1],
        "test_labels": dataset.test_labels.numpy(),
        **{f"part_{name}": rows for name, rows in indices.items()},
    }
    settings = {
        "dataset": dataset.name,
        "digest": dataset.digest,
        "class_names": list(dataset.class_names),
        "image_shape": list(dataset.train_images.shape[1:]),
        "scale": scale,
        "parts": list(parts),
        "seed": seed,
        "code": code,
    }
    write_arrays(path, arrays, settings)


def _packed(arrays: list[np.ndarray]) -> tuple[list[np.ndarray], int | None]:
    """Float32 images as (uint8 images, scale), or as they are with None where that is not exact."""
    for scale in _SCALES:
        packed = [_quantised(images, scale) for images in arrays]
        exact = [images for images in packed if images is not None]
        if len(exact) == len(arrays):
            return exact, scale
    return arrays, None


def _quantised(images: np.ndarray, scale: int) -> np.ndarray | None:
    """Uint8 ``q`` such that ``q / scale`` is ``images`` bit for bit, or None."""
    packed = np.empty(images.shape, dtype=np.uint8)
    for start in range(0, len(images), _AT_A_TIME):
        part = np.ascontiguousarray(images[start : start + _AT_A_TIME])
        with np.errstate(invalid="ignore"):  # what no byte can hold is seen by the comparison
            bytes_ = np.rint(part * np.float32(scale)).astype(np.uint8)
        again = bytes_ / np.float32(scale)
        if not np.array_equal(again.view(np.uint32), part.view(np.uint32)):
            return None
        packed[start : start + _AT_A_TIME] = bytes_
    return packed


def open_dataset(path: str | Path) -> DatasetFile:
    """Open a file written by `write_dataset`."""
    settings = read_settings(path)
    if not set(_SETTINGS) <= set(settings):
        raise ArtifactError(f"{path} does not hold a data set: delete it and run snakemake again")
    return DatasetFile(str(path), settings)
