"""What the figures share: a figure without a window, images on it, and the PNG file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from intriguing.artifacts.files import replacing

DIFFERENCE_COLOURS = "RdBu_r"


def new_figure(
    width: float, height: float, *, layout: Literal["constrained"] | None = None
) -> Figure:
    """An empty figure.

    Parameters
    ----------
    width, height : float
        In inches.
    layout : {"constrained"}, optional
        Let matplotlib arrange the axes.
    """
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


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
        axis.imshow(pixels[0], cmap=DIFFERENCE_COLOURS, vmin=-0.5, vmax=0.5)
    else:
        axis.imshow(np.clip(0.5 + pixels, 0, 1).transpose(1, 2, 0))


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG.

    Raises
    ------
    ArtifactError
        If the file cannot be written.
    """
    with replacing(path) as partial:
        # without the key Software the file depends on the data alone
        figure.savefig(
            partial, dpi=110, bbox_inches="tight", format="png", metadata={"Software": None}
        )
