"""Figures 1 to 4: the images that excite single units most, and those of random directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from intriguing.artifacts.dataset import DatasetFile, Split
from intriguing.artifacts.files import read_table, replacing
from intriguing.report import canvas

ROWS = 4
# in inches: the words beside the images of a row, a heading, and the lines above all
_WORDS, _HEADING, _HEAD = 1.6, 0.24, 0.34
_MARGIN, _LARGEST = 0.06, 0.6
PANELS = {"units": "single units", "gaussian": "random directions"}


def draw_all(
    data: DatasetFile,
    files: Mapping[str, str | Path],
    layers: Mapping[str, Mapping[str, str]],
    folder: str | Path,
    *,
    split: str,
    count: int,
) -> None:
    """Write a folder with a figure for each layer, in every format.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    files : mapping of str to path
        The measures of each model, as `stages.units` writes them.
    layers : mapping of str to mapping
        The ``model``, ``layer`` and ``label`` that each figure shows, by its name without ending.
    folder : path
        Replaced as a whole.
    split, count
        The images that were compared.

    Raises
    ------
    ArtifactError
        If a file cannot be read or the folder cannot be written.
    """
    sample = data.sample(split, count, most=True)
    with replacing(folder) as partial:
        partial.mkdir()
        tables = {model: read_table(path) for model, path in files.items()}
        for name, shown in layers.items():
            rows = tables[shown["model"]]
            of_layer = rows[(rows["network"] == "trained") & (rows["layer"] == shown["layer"])]
            title = f"{shown['label']}: images of {split} that excite units and directions most"
            paths = [partial / f"{name}.{form}" for form in canvas.FORMATS]
            draw(of_layer, sample, data.class_names, paths, title=title)


def draw(
    rows: pandas.DataFrame,
    sample: Split,
    class_names: list[str],
    paths: str | Path | Iterable[str | Path],
    *,
    title: str,
) -> None:
    """Draw some units of a layer above some random directions, a row of images each.

    Parameters
    ----------
    rows : DataFrame
        Of one layer.
    sample : artifacts.dataset.Split
        The images that their ``images`` count.
    class_names : list of str
    paths : path or iterable of path
        Files to write, as `canvas.drawing` takes them.
    title : str
    """
    panels = {
        words: _spread(rows[(rows["family"] == family) & ~rows["tied"]])
        for family, words in PANELS.items()
    }
    chosen = [(words, row) for words, part in panels.items() for row in part.to_dict("records")]
    columns = max((len(row["images"].split()) for _, row in chosen), default=1)
    side = min(_LARGEST, (canvas.PAGE - _WORDS - 2 * _MARGIN) / columns)
    width, height = canvas.PAGE, _HEAD + 2 * _HEADING + side * len(chosen) + _MARGIN
    with canvas.drawing(paths, width, height, layout=None) as figure:
        # one for all images, in inches: 80 of them would take seconds
        axis = figure.add_axes((0, 0, 1, 1))
        axis.set_axis_off()
        top = height - _HEAD
        for place, (words, row) in enumerate(chosen):
            if not place or words != chosen[place - 1][0]:
                top -= _HEADING
                axis.text(_MARGIN, top + 0.06, words, fontweight="bold")
            top -= side
            for column, index in enumerate(map(int, row["images"].split())):
                left, right = _MARGIN + side * column, _MARGIN + side * (column + 0.94)
                extent = (left, right, top, top + 0.94 * side)
                canvas.image(axis, sample.images[index], extent)
            beside = _MARGIN + side * columns + 0.08
            axis.text(beside, top + side / 2, _row_text(row, class_names), va="center", fontsize=6)
        axis.set(xlim=(0, width), ylim=(0, height))
        axis.text(_MARGIN, height - 0.16, title, fontsize="large")
        rule = (
            "rows: the middle of each quarter of the scores (mean, in deviations over all images)"
        )
        axis.text(_MARGIN, height - 0.3, rule, fontsize=6)


def _spread(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Rows at the middle of each quarter of the scores, the largest first."""
    ordered = rows.sort_values("score", ascending=False, kind="stable")
    places = ((np.arange(ROWS) + 0.5) / ROWS * len(ordered)).astype(int)
    return ordered.iloc[sorted(set(places[places < len(ordered)]))]


def _row_text(row: Mapping[str, Any], class_names: list[str]) -> str:
    kind = "unit" if row["family"] == "units" else "direction"
    return (
        f"{kind} {row['direction']}: score {row['score']:.2f}, purity {row['purity']:.2f}\n"
        f"most frequent: {class_names[row['class']]}"
    )
