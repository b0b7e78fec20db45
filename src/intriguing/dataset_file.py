"""The data stage's artifact: a data set and its parts in one array file.

It is written once for an experiment and read by every later job, without torch or torchvision.
"""

from dataclasses import dataclass

import numpy as np

from intriguing import splits
from intriguing.artifacts import read_arrays, read_settings, write_arrays
from intriguing.errors import ArtifactError


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

    def __getitem__(self, rows):
        return Split(self.images[rows], self.labels[rows], self.indices[rows])

    def __len__(self):
        return len(self.labels)


@dataclass(frozen=True)
class DatasetFile:
    """A stored data set; splits are read when asked for."""

    path: str
    settings: dict

    @property
    def class_names(self):
        return self.settings["class_names"]

    @property
    def image_shape(self):
        return tuple(self.settings["image_shape"])

    @property
    def digest(self):
        return self.settings["digest"]

    @property
    def split_names(self):
        return ("train", "test", *self.settings["parts"])

    def split(self, name):
        """Images, labels and indices of ``train``, ``test`` or a part such as ``P1``."""
        if name not in self.split_names:
            known = ", ".join(self.split_names)
            raise ArtifactError(f"{self.path} has no split {name!r}: choose one of {known}")
        base = "test" if name == "test" else "train"
        wanted = [f"{base}_images", f"{base}_labels"]
        part = f"part_{name}" if name in self.settings["parts"] else None
        arrays, _ = read_arrays(self.path, wanted + ([part] if part else []))
        images, labels = arrays[wanted[0]], arrays[wanted[1]]
        whole = Split(images, labels, np.arange(len(labels)))
        return whole[arrays[part]] if part else whole

    def sample(self, name, count):
        """``count`` images of a split at random, the same for every model and attack.

        Raises
        ------
        ArtifactError
            If the split has fewer images.
        """
        split = self.split(name)
        if count > len(split):
            raise ArtifactError(
                f"{count} images were asked of split {name!r}, which has {len(split)}:"
                " lower `count` in the experiment"
            )
        return split[splits.sample(len(split), count, self.settings["seed"])]


def write_dataset(path, dataset, *, parts, seed, code=""):
    """Store a `datasets.Dataset` and its disjoint ``parts`` of the training set."""
    indices = splits.disjoint_parts(len(dataset.train_labels), parts, seed)
    arrays = {
        "train_images": dataset.train_images.numpy(),
        "train_labels": dataset.train_labels.numpy(),
        "test_images": dataset.test_images.numpy(),
        "test_labels": dataset.test_labels.numpy(),
        **{f"part_{name}": rows for name, rows in indices.items()},
    }
    settings = {
        "dataset": dataset.name,
        "digest": dataset.digest,
        "class_names": list(dataset.class_names),
        "image_shape": list(dataset.train_images.shape[1:]),
        "parts": list(parts),
        "seed": seed,
        "code": code,
    }
    write_arrays(path, arrays, settings)


def open_dataset(path):
    """Open a file written by `write_dataset`."""
    settings = read_settings(path)
    if "image_shape" not in settings:
        raise ArtifactError(f"{path} holds no data set: delete it and run snakemake again")
    return DatasetFile(str(path), settings)
