"""Adversarial examples for the page: image, difference and adversarial image, and the answers."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from intriguing.artifacts.dataset import DatasetFile
from intriguing.report import examples
from intriguing.report.colours import DIFFERENCES
from intriguing.report.page.embed import data_address


@dataclass(frozen=True)
class Example:
    """One example.

    original, difference, adversarial : str
        Images as ``data:`` addresses, the difference around grey and magnified.
    before, after : str
        The class that the model gives the image, and the one that it gives the adversarial image.
    distortion : str
        Root mean square difference per pixel.
    magnified : int
        How many times the difference is.
    """

    original: str
    difference: str
    adversarial: str
    before: str
    after: str
    distortion: str
    magnified: int


def of_set(data: DatasetFile, path: str | Path, count: int) -> list[Example]:
    """The first examples of an adversarial set, as `examples.read` chooses them.

    Raises
    ------
    ArtifactError
        If the set cannot be read.
    """
    shown = examples.read(data, path, count)
    differences = shown.magnification * shown.differences
    return [
        Example(
            original=_png(_shown(shown.originals[k])),
            difference=_png(_shown_difference(differences[k])),
            adversarial=_png(_shown(shown.adversarial[k])),
            before=shown.class_names[shown.labels[k]],
            after=shown.class_names[shown.targets[k]],
            distortion=f"{shown.distortion[k]:.2g}",
            magnified=shown.magnification,
        )
        for k in range(len(differences))
    ]


def _shown(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """An image (C, H, W) in [0, 1], as PIL takes it."""
    levels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0)


def _shown_difference(difference: NDArray[np.floating]) -> NDArray[np.uint8]:
    if len(difference) == 1:
        colours = matplotlib.colormaps[DIFFERENCES](np.clip(0.5 + difference[0], 0, 1), bytes=True)
        return colours[:, :, :3]
    return _shown(0.5 + difference)


def _png(levels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "png", optimize=True)
    return data_address(buffer.getvalue(), "image/png")
