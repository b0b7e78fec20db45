"""Figures of adversarial examples: image, magnified difference and adversarial image."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.files import replacing
from intriguing.report import canvas
from intriguing.report.examples import Examples, read

# characters of a name that fit above an image, and in the small print of longer ones
_FIT, _FIT_SMALL = 12, 17
# in inches: an image, what is between images, the line above one, and the names of the rows
_SIDE, _GAP, _LINE, _NAMES = 0.68, 0.06, 0.15, 0.75
_HEAD = 0.36
# images that fit into a column and into the width of a page
_FEW, _MOST = 3, 8


def draw_sets(
    data: DatasetFile,
    sets: Mapping[str, str | Path],
    labels: Mapping[str, str],
    folder: str | Path,
    *,
    count: int,
) -> None:
    """Write a folder with a figure for each adversarial set, ``<model>.png`` and so on.

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
            paths = [partial / f"{model}.{form}" for form in canvas.FORMATS]
            draw_set(data, examples_path, paths, count=count, label=labels[model])


def draw_set(
    data: DatasetFile,
    examples_path: str | Path,
    paths: str | Path | Iterable[str | Path],
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
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    count : int
        Most examples to show.
    label : str
        What to call the model.

    Raises
    ------
    ArtifactError
        If the set cannot be read or the figure cannot be written.
    """
    examples = read(data, examples_path, count)
    number = len(examples.labels)
    title = f"{label}: {number} adversarial examples; average distortion {examples.average}"
    draw(examples, paths, title=title)


def draw(examples: Examples, paths: str | Path | Iterable[str | Path], *, title: str) -> None:
    """Draw examples, one column each, in blocks where they do not fit into the width of a page.

    Parameters
    ----------
    examples : Examples
        There may be none.
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    title : str
    """
    count = len(examples.labels)
    blocks = [range(k, min(k + _MOST, count)) for k in range(0, count, _MOST)] or [range(0)]
    width = canvas.COLUMN if count <= _FEW else canvas.PAGE
    row = _SIDE + _LINE
    height = _HEAD + len(blocks) * (3 * row + _LINE)
    with canvas.drawing(paths, width, height, layout=None) as figure:

        def axis_at(left: float, top: float) -> Axes:
            axis = figure.add_axes(
                (left / width, 1 - (top + _SIDE) / height, _SIDE / width, _SIDE / height)
            )
            axis.set_axis_off()
            return axis

        for number, block in enumerate(blocks):
            top = _HEAD + _LINE + number * (3 * row + _LINE)
            for place, words in enumerate(
                ("image", f"difference\n×{examples.magnification}", "adversarial")
            ):
                middle = 1 - (top + place * row + _SIDE / 2) / height
                figure.text((_NAMES - 2 * _GAP) / width, middle, words, ha="right", va="center")
            for column, k in enumerate(block):
                left = _NAMES + column * (_SIDE + _GAP)
                _column(examples, k, [axis_at(left, top + i * row) for i in range(3)])
        wrapped = textwrap.fill(title, 60 if width == canvas.COLUMN else 130)
        figure.suptitle(wrapped, x=0.5, y=1 - 0.06 / height, va="top")


def _column(examples: Examples, k: int, axes: Sequence[Axes]) -> None:
    """An example from top to bottom: image, difference, adversarial image."""
    original, difference, adversarial = axes
    names = examples.class_names
    canvas.image(original, examples.originals[k])
    _name(original, names[examples.labels[k]])
    canvas.difference(difference, examples.magnification * examples.differences[k])
    difference.set_title(f"rms {examples.distortion[k]:.2g}", pad=2)
    canvas.image(adversarial, examples.adversarial[k])
    _name(adversarial, f"→ {names[examples.targets[k]]}")


def _name(axis: Axes, name: str) -> None:
    shown = name if len(name) <= _FIT_SMALL else f"{name[: _FIT_SMALL - 1].rstrip()}…"
    axis.set_title(shown, pad=2, fontsize=None if len(shown) <= _FIT else 5.5)
