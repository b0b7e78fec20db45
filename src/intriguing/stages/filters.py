"""Filter stage: learnt filters of a QuocNet-style network next to the random initial ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from intriguing.artifacts import model
from intriguing.networks import trained
from intriguing.networks.untrained import untrained
from intriguing.report.filters import filter_figure


def run(
    folder: str | Path, name: str, paths: str | Path | Iterable[str | Path], *, title: str
) -> None:
    """Figure of the first stack's filters.

    Parameters
    ----------
    folder : path
        Folder of the trained model.
    name : str
        The model's, which its first weights depend on.
    paths : path or iterable of path
        Files to write, as `report.canvas.drawing` takes them.
    title : str
    """
    networks = (trained.load(folder), untrained(model.settings(folder), name))
    learned, initial = (n.stacks[0].filters.weight.detach().numpy() for n in networks)
    filter_figure(learned, initial, paths, title=title)
