"""A trained network on disk: one folder with its weights, metrics and learning curve.

``weights.safetensors`` holds the parameters and, in its header, what is needed to build the network
again; ``metrics.json`` the errors on every split; ``curve.csv`` the objective during training.
"""

import json
from pathlib import Path

import pandas
import torch

from intriguing import networks
from intriguing.artifacts.files import (
    read_arrays,
    read_json,
    read_settings,
    replacing,
    write_arrays,
    write_table,
)
from intriguing.errors import ArtifactError, ModelError
from intriguing.tasks import Task

WEIGHTS, METRICS, CURVE = "weights.safetensors", "metrics.json", "curve.csv"


def save(folder, model, *, settings, metrics, history):
    """Write a model folder as a whole.

    Parameters
    ----------
    folder : path
    settings : dict
        With ``architecture`` or ``factory``, ``options``, ``input_shape`` and ``classes``, which
        `networks.from_entry` takes, and the task: ``class_names``, ``positive``.
    metrics : dict
    history : minimisers.History
    """
    arrays = {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}
    with replacing(folder) as partial:
        partial.mkdir()
        write_arrays(partial / WEIGHTS, arrays, settings)
        (partial / METRICS).write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n")
        columns = ["phase", "step", "objective", "error"]
        write_table(partial / CURVE, pandas.DataFrame(history.rows, columns=columns))


def load(folder):
    """Build the network of a model folder with its weights, in evaluation mode.

    Raises
    ------
    ArtifactError
        If a file is missing or damaged, or weights do not fit the network.
    ModelError
        If a weight is not finite.
    """
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise ArtifactError(
            f"{folder} holds no {WEIGHTS}: name the folder of one trained model, such as"
            " results/digits/models/fc100/seed0, or run snakemake on it"
        )
    try:
        arrays, own = read_arrays(path)
    except ArtifactError as error:
        raise ArtifactError(f"{path} is missing or damaged: {_rebuild(folder)}") from error
    try:
        model = networks.from_entry(own, own["input_shape"], own["classes"])
        model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    except (KeyError, RuntimeError) as error:
        raise ArtifactError(
            f"{path} does not hold the weights of its network ({str(error).splitlines()[0]}):"
            f" {_rebuild(folder)}"
        ) from error
    for name, value in model.state_dict().items():
        if not value.isfinite().all():
            raise ModelError(f"{path} holds NaN or infinity in {name}: {_rebuild(folder)}")
    return model.eval().requires_grad_(False)


def task(folder):
    """What the network of a model folder tells apart (`tasks.Task`)."""
    own = settings(folder)
    return Task(tuple(own["class_names"]), own["positive"])


def settings(folder):
    """What made the network of a model folder: the ``settings`` of `save`."""
    found = read_settings(Path(folder) / WEIGHTS)
    if "class_names" not in found:
        raise ArtifactError(f"{folder} does not name its classes: {_rebuild(folder)}")
    return found


def load_metrics(folder):
    """Errors of a trained model: ``{"errors": {split: {"n": …, "errors": …}}, …}``."""
    return read_json(Path(folder) / METRICS)


def _rebuild(folder):
    return f"delete the folder {folder} and run snakemake again to train it anew"
