"""Figures 1 to 4: the images that excite single units most, and those of random directions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from intriguing.artifacts.dataset import DatasetFile, Split
from intriguing.artifacts.files import read_table, replacing
from intriguing.report import canvas

ROWS = 4
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
    """Write a folder with a figure for each layer.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    files : mapping of str to path
        The measures of each model, as `stages.units` writes them.
    layers : mapping of str to mapping
        The ``model``, ``layer`` and ``label`` that each file of the folder shows.
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
            draw(of_layer, sample, data.class_names, partial / name, title=title)


def draw(
    rows: pandas.DataFrame,
    sample: Split,
    class_names: list[str],
    path: str | Path,
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
    path : path
        PNG to write.
    title : str
    """
    panels = {
        words: _spread(rows[(rows["family"] == family) & ~rows["tied"]])
        for family, words in PANELS.items()
    }
    chosen = [(words, row) for words, part in panels.items() for row in part.to_dict("records")]
    columns = max((len(row["images"].split()) for _, row in chosen), default=1)
    gap = 0.45
    figure = canvas.new_figure(0.62 * columns + 3.6, 0.62 * len(chosen) + 2 * gap + 0.6)
    width, height = figure.get_size_inches()
    # one for all images, in inches: 80 of them would take seconds
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    top = height - 0.5
    for place, (words, row) in enumerate(chosen):
        if not place or words != chosen[place - 1][0]:
            top -= gap
            figure.text(0.02, (top + 0.08) / height, words, fontsize=9, fontweight="bold")
        top -= 0.62
        for column, index in enumerate(map(int, row["images"].split())):
            left = 0.2 + 0.62 * column
            canvas.image(axis, sample.images[index], (left, left + 0.58, top, top + 0.58))
        figure.text(
            (0.3 + 0.62 * columns) / width,
            (top + 0.29) / height,
            _row_text(row, class_names),
            fontsize=7.5,
            va="center",
        )
    axis.set(xlim=(0, width), ylim=(0, height))
    figure.text(0.02, 1 - 0.25 / height, title, fontsize=10)
    rule = "rows: the middle of each quarter of the scores (mean, in deviations over all images)"
    figure.text(0.02, 1 - 0.43 / height, rule, fontsize=7.5, color="0.35")
    canvas.save(figure, path)


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
