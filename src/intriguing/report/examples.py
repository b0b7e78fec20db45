"""Adversarial examples to show: some of a set, with their images as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.files import read_arrays
from intriguing.artifacts.sample import sample_of


@dataclass(frozen=True)
class Examples:
    """Adversarial examples to show, a row an image.

    Parameters
    ----------
    originals, adversarial : float array (k, C, H, W) in [0, 1]
    labels, targets : int array (k,)
        Classes that the model gives to the original and to the adversarial image.
    distortion : float array (k,)
        Root mean square per pixel.
    class_names : sequence of str
    average : str
        Average distortion of the whole set, in words.
    """

    originals: NDArray[np.floating]
    adversarial: NDArray[np.floating]
    labels: NDArray[np.integer]
    targets: NDArray[np.integer]
    distortion: NDArray[np.floating]
    class_names: Sequence[str]
    average: str = ""

    @property
    def differences(self) -> NDArray[np.floating]:
        """Adversarial images minus the originals, (k, C, H, W)."""
        return self.adversarial - self.originals

    @property
    def magnification(self) -> int:
        """How many times differences can be shown so that they fit into half the pixel range.

        All but half a percent of the pixels do.
        """
        size = np.abs(self.differences)
        largest = np.quantile(size, 0.995) if size.size else 0.0
        return max(1, int(0.5 / largest)) if largest else 1


def read(data: DatasetFile, path: str | Path, count: int) -> Examples:
    """The first examples of a set; for a binary model, those of its class if there are any.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    path : path
        An adversarial set.
    count : int
        Most examples.

    Raises
    ------
    ArtifactError
        If the set cannot be read.
    """
    names = ("images", "distortion", "success", "labels", "targets")
    arrays, settings = read_arrays(path, names)
    success = arrays["success"]
    of_class = success & (arrays["labels"] == 1) if settings["binary"] else success
    chosen = np.flatnonzero(of_class if of_class.any() else success)[:count]
    distortion = arrays["distortion"][success]
    return Examples(
        originals=sample_of(data, settings).images[chosen],
        adversarial=arrays["images"][chosen],
        labels=arrays["labels"][chosen],
        targets=arrays["targets"][chosen],
        distortion=arrays["distortion"][chosen],
        class_names=settings["class_names"],
        average=(
            f"{distortion.mean():.4g} over all {len(distortion)} found"
            if len(distortion)
            else "none found"
        ),
    )
