"""Figures of adversarial examples: image, magnified difference and adversarial image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.files import read_arrays, replacing
from intriguing.artifacts.sample import sample_of
from intriguing.report import canvas

# longer names would run into each other
_LONGEST_NAME = 13


@dataclass(frozen=True)
class Examples:
    """Adversarial examples to show, a row an image.

    Parameters
    ----------
    originals, adversarial : float array (k, C, H, W) in [0, 1]
    labels, targets : int array (k,)
    distortion : float array (k,)
        Root mean square per pixel.
    class_names : sequence of str
    """

    originals: NDArray[np.floating]
    adversarial: NDArray[np.floating]
    labels: NDArray[np.integer]
    targets: NDArray[np.integer]
    distortion: NDArray[np.floating]
    class_names: Sequence[str]


def draw_sets(
    data: DatasetFile,
    sets: Mapping[str, str | Path],
    labels: Mapping[str, str],
    folder: str | Path,
    *,
    count: int,
) -> None:
    """Write a folder with a figure ``<model>.png`` for each adversarial set.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    sets : mapping of str to path
        The set of each model.
    labels : mapping of str to str
        What to call the models.
    folder : path
        Replaced as a whole.
    count : int
        Most examples of each set.

    Raises
    ------
    ArtifactError
        If a set cannot be read or the folder cannot be written.
    """
    with replacing(folder) as partial:
        partial.mkdir()
        for model, examples_path in sets.items():
            path = partial / f"{model}.png"
            draw_set(data, examples_path, path, count=count, label=labels[model])


def draw_set(
    data: DatasetFile,
    examples_path: str | Path,
    path: str | Path,
    *,
    count: int,
    label: str,
) -> None:
    """Draw the first examples of a set; for a binary model, those of its class if there are any.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    examples_path : path
        An adversarial set.
    path : path
        PNG to write.
    count : int
        Most examples to show.
    label : str
        What to call the model.

    Raises
    ------
    ArtifactError
        If the set cannot be read or the figure cannot be written.
    """
    names = ("images", "distortion", "success", "labels", "targets")
    arrays, settings = read_arrays(examples_path, names)
    success = arrays["success"]
    of_class = success & (arrays["labels"] == 1) if settings["binary"] else success
    chosen = np.flatnonzero(of_class if of_class.any() else success)[:count]
    distortion = arrays["distortion"][success]
    average = (
        f"{distortion.mean():.4g} over all {len(distortion)} found"
        if len(distortion)
        else "none found"
    )
    examples = Examples(
        originals=sample_of(data, settings).images[chosen],
        adversarial=arrays["images"][chosen],
        labels=arrays["labels"][chosen],
        targets=arrays["targets"][chosen],
        distortion=arrays["distortion"][chosen],
        class_names=settings["class_names"],
    )
    title = f"{label}: {len(chosen)} adversarial examples; average distortion {average}"
    draw(examples, path, title=title)


def draw(examples: Examples, path: str | Path, *, title: str) -> None:
    """Draw examples, one column each.

    Parameters
    ----------
    examples : Examples
        There may be none.
    path : path
        PNG to write.
    title : str
    """
    differences = examples.adversarial - examples.originals
    # as large as leaves all but the last half percent of the pixels within the colours
    largest = np.quantile(np.abs(differences), 0.995) if differences.size else 0.0
    magnified = max(1, int(0.5 / largest)) if largest else 1
    count = max(1, len(differences))
    figure = canvas.new_figure(1.15 * count + 1.2, 4.6)
    axes = figure.subplots(3, count, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    names = examples.class_names
    for k in range(len(differences)):
        original, difference, adversarial = axes[:, k]
        canvas.image(original, examples.originals[k])
        original.set_title(names[examples.labels[k]], fontsize=9)
        canvas.difference(difference, magnified * differences[k])
        difference.set_title(f"rms {examples.distortion[k]:.2g}", fontsize=8)
        canvas.image(adversarial, examples.adversarial[k])
        target = f"→ {names[examples.targets[k]]}"
        adversarial.set_title(target, fontsize=9 if len(target) < _LONGEST_NAME else 7)
    headings = ("image", f"difference ×{magnified}", "adversarial")
    for axis, words in zip(axes[:, 0], headings, strict=True):
        axis.text(-0.15, 0.5, words, transform=axis.transAxes, ha="right", va="center", fontsize=9)
    figure.suptitle(title, fontsize=10)
    canvas.save(figure, path)
