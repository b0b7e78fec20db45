"""What the figures share: their style and sizes, images on them, and the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from intriguing.artifacts.files import replacing
from intriguing.report import colours

STYLE = Path(__file__).with_name("figures.mplstyle")

COLUMN, PAGE = 3.3, 6.9
"""Widths of figures in inches: a column of a paper, and two."""

METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}
"""Formats, each with the entries to leave out, so that a file depends on the data alone."""

FORMATS = tuple(METADATA)
"""Those of every figure; of images too, since their SVG is not much larger than their PNG."""


@contextmanager
def drawing(
    paths: str | Path | Iterable[str | Path],
    width: float,
    height: float,
    *,
    layout: Literal["constrained"] | None = "constrained",
) -> Iterator[Figure]:
    """A figure in the style of the package that is written to files at the end of the block.

    Parameters
    ----------
    paths : path or iterable of path
        Files to write, in the format of their ending: a key of `METADATA`.
    width, height : float
        In inches; the width is that of the files.
    layout : {"constrained"}, optional
        Let matplotlib arrange the axes; None: they are where they are put.

    Raises
    ------
    ArtifactError
        If a file cannot be written.
    """
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure(figsize=(width, height), layout=layout)
        FigureCanvasAgg(figure)
        yield figure
        save(figure, paths)


def image(
    axis: Axes,
    pixels: NDArray[np.floating],
    extent: tuple[float, float, float, float] | None = None,
) -> None:
    """Show an image, (C, H, W) in [0, 1] with C 1 or 3.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    pixels : array
    extent : tuple of float, optional
        Left, right, bottom and top of the image in the axis's coordinates, for one of several.
    """
    if len(pixels) == 1:
        axis.imshow(pixels[0], cmap="gray", vmin=0, vmax=1, extent=extent)
    else:
        axis.imshow(pixels.transpose(1, 2, 0), extent=extent)


def difference(axis: Axes, pixels: NDArray[np.floating]) -> None:
    """Show a difference of images, (C, H, W) from -0.5 to 0.5; what is beyond is clipped."""
    if len(pixels) == 1:
        axis.imshow(pixels[0], cmap=colours.DIFFERENCES, vmin=-0.5, vmax=0.5)
    else:
        axis.imshow(np.clip(0.5 + pixels, 0, 1).transpose(1, 2, 0))


def label_logarithmic(axis: Axis) -> None:
    """Put labels on a logarithmic axis that do not run into each other.

    On less than two decades 1, 2 and 5 have one, otherwise powers of ten.
    """
    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high < 100 * low else (1.0,)
    axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=6))
    axis.set_major_formatter(ticker.FuncFormatter(_power))
    axis.set_minor_locator(ticker.NullLocator())


def _power(value: float, position: int | None = None) -> str:
    if 0.001 <= value < 10_000:
        return f"{value:g}"
    digit, _, exponent = f"{value:.0e}".partition("e")
    factor = "" if digit == "1" else rf"{digit}\times"
    return rf"${factor}10^{{{int(exponent)}}}$"


def message(figure: Figure, words: str) -> None:
    """Say why a figure shows nothing."""
    figure.text(0.5, 0.5, words, ha="center", va="center", wrap=True)


def save(figure: Figure, paths: str | Path | Iterable[str | Path]) -> None:
    """Write a figure to files: PNG and PDF on white, SVG on nothing, with its text as text.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    paths : path or iterable of path
        In the format of their ending: a key of `METADATA`.

    Raises
    ------
    ArtifactError
        If a file cannot be written.
    """
    for path in [paths] if isinstance(paths, str | Path) else paths:
        form = Path(path).suffix.removeprefix(".")
        with replacing(path) as partial:
            figure.savefig(partial, format=form, metadata=METADATA[form], transparent=form == "svg")
