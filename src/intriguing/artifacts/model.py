"""A trained network on disk: one folder with its weights, metrics and learning curve.

``weights.safetensors`` holds the parameters and, in its header, what is needed to build the network
again; ``metrics.json`` the errors on every split; ``curve.csv`` the objective during training;
``machine.json`` what decides its last digits.
`networks.trained` builds the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from intriguing.artifacts.files import (
    read_arrays,
    read_json,
    read_settings,
    replacing,
    write_arrays,
    write_json,
    write_table,
)
from intriguing.errors import ArtifactError
from intriguing.tasks import Task

WEIGHTS, METRICS, CURVE = "weights.safetensors", "metrics.json", "curve.csv"
MACHINE = "machine.json"
CURVE_COLUMNS = ["phase", "step", "objective", "error"]


@dataclass(frozen=True)
class ModelFiles:
    """Content of a model folder.

    arrays : dict of str to array
        Weights, by the names of the network's state.
    settings : dict
        With ``architecture`` or ``factory``, ``options``, ``input_shape`` and ``classes``, which
        `networks.from_entry` takes, and the task: ``class_names``, ``positive``.
    metrics : dict
        ``{"errors": {split: {"n": …, "errors": …}}, …}``.
    curve : sequence of dict
        Rows of `CURVE_COLUMNS`.
    machine : dict
        What decided how the training rounded, `device.rounding`.
    """

    arrays: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]]
    machine: Mapping[str, str]


def save(folder: str | Path, model: ModelFiles) -> None:
    """Write a model folder as a whole."""
    with replacing(folder) as partial:
        partial.mkdir()
        write_arrays(partial / WEIGHTS, model.arrays, model.settings)
        write_json(partial / METRICS, model.metrics)
        write_table(partial / CURVE, pandas.DataFrame(model.curve, columns=CURVE_COLUMNS))
        write_json(partial / MACHINE, model.machine)


def read_weights(folder: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Weights and settings of a model folder.

    Raises
    ------
    ArtifactError
        If the file is missing or damaged.
    """
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise ArtifactError(
            f"{folder} holds no {WEIGHTS}: name the folder of one trained model, such as"
            " results/digits/models/fc100/seed0, or run snakemake on it"
        )
    try:
        return read_arrays(path)
    except ArtifactError as error:
        raise ArtifactError(f"{path} is missing or damaged: {rebuild(folder)}") from error


def settings(folder: str | Path) -> dict[str, Any]:
    """Settings behind the network of a model folder (`ModelFiles.settings`)."""
    header = read_settings(Path(folder) / WEIGHTS)
    if "class_names" not in header:
        raise ArtifactError(f"{folder} does not name its classes: {rebuild(folder)}")
    return header


def task(folder: str | Path) -> Task:
    """The classes that the network of a model folder distinguishes."""
    header = settings(folder)
    return Task(tuple(header["class_names"]), header["positive"])


def metrics(folder: str | Path) -> dict[str, Any]:
    """Errors of a trained model (`ModelFiles.metrics`)."""
    return read_json(Path(folder) / METRICS)


def rebuild(folder: str | Path) -> str:
    """The end of an error about a model folder: what to do."""
    return f"delete the folder {folder} and run snakemake again to train it again"
