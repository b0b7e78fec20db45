"""Figure 7: pairs of image and distorted image, with the accuracies that the distortion leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas
from numpy.typing import NDArray

from intriguing import intervals
from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.files import read_arrays
from intriguing.artifacts.sample import sample_of
from intriguing.report import canvas

PAIRS = 8
"""Most pairs in a panel."""


@dataclass(frozen=True)
class Panel:
    """Images, each above its distorted version.

    Parameters
    ----------
    title : str
    originals, distorted : float array (k, C, H, W)
        The distorted ones are shown clipped to [0, 1].
    """

    title: str
    originals: NDArray[np.floating]
    distorted: NDArray[np.floating]


def adversarial_panels(
    data: DatasetFile, paths: Iterable[str | Path], labels: Iterable[str], *, count: int = PAIRS
) -> list[Panel]:
    """A panel for the adversarial set of each model.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    paths : iterable of path
        Adversarial sets, made from the same sample.
    labels : iterable of str
        What to call the models, in the same order.
    count : int
        Most pairs in each panel.

    Raises
    ------
    ArtifactError
        If a set cannot be read.
    """
    panels = []
    for path, label in zip(paths, labels, strict=True):
        names = ("images", "distortion", "success", "already_wrong")
        arrays, settings = read_arrays(path, names)
        success = arrays["success"]
        chosen = np.flatnonzero(success)[:count]
        # the model stays right on images that it classified correctly and that have no example
        right = (~success & ~arrays["already_wrong"]).sum()
        average = f"{arrays['distortion'][success].mean():.3g}" if success.any() else "none found"
        accuracy = _accuracy_text(right, len(success))
        title = f"{label}: average distortion {average}, accuracy {accuracy}"
        originals = sample_of(data, settings).images[chosen]
        panels.append(Panel(title, originals, arrays["images"][chosen]))
    return panels


def noise_panel(
    data: DatasetFile,
    path: str | Path,
    errors: pandas.DataFrame,
    labels: Mapping[str, str],
    *,
    count: int = PAIRS,
) -> Panel:
    """The panel of Gaussian noise.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    path : path
        Gaussian noise on the sample of the adversarial sets.
    errors : DataFrame
        Rows of the transfer stage on noise of every standard deviation.
    labels : mapping of str to str
        What to call the models whose accuracy is stated.
    count : int
        Most pairs.

    Raises
    ------
    ArtifactError
        If the noise cannot be read.
    """
    arrays, settings = read_arrays(path, ("images",))
    deviation = settings["standard_deviation"]
    shown = (errors["input"] == "distorted") & np.isclose(errors["standard_deviation"], deviation)
    of_model = errors[shown].set_index("target")
    right = of_model["n"] - of_model["errors"]
    accuracies = "; ".join(
        f"{label} {_accuracy_text(right[name], of_model.loc[name, 'n'])}"
        for name, label in labels.items()
    )
    title = f"Gaussian noise of deviation {deviation:g}: accuracy {accuracies}"
    return Panel(title, sample_of(data, settings).images[:count], arrays["images"][:count])


def _accuracy_text(right: int, number: int) -> str:
    low, high = intervals.wilson(right, number)
    return f"{100 * right / number:.3g} % [{100 * low:.3g}, {100 * high:.3g}] of {number}"


def draw(panels: Sequence[Panel], paths: str | Path | Iterable[str | Path]) -> None:
    """Draw panels below each other.

    Parameters
    ----------
    panels : sequence of Panel
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    """
    columns = max(1, *(len(panel.originals) for panel in panels))
    side = canvas.PAGE / max(columns, 6)
    with canvas.drawing(paths, canvas.PAGE, (2 * side + 0.35) * len(panels)) as figure:
        parts = figure.subfigures(len(panels), 1, squeeze=False)[:, 0]
        for part, panel in zip(parts, panels, strict=True):
            part.suptitle(panel.title)
            axes = part.subplots(2, columns, squeeze=False)
            for axis in axes.flat:
                axis.set_axis_off()
            for k, pair in enumerate(zip(panel.originals, panel.distorted, strict=True)):
                for axis, pixels in zip(axes[:, k], pair, strict=True):
                    canvas.image(axis, np.clip(pixels, 0, 1))
