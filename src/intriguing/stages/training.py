"""Training stage: from an experiment's entry to a trained network and its errors."""

import hashlib
import logging

import torch

from intriguing import networks, training
from intriguing.transfer import count_errors

logger = logging.getLogger(__name__)


def run(data, entry, *, name, seed):
    """Build, train and measure one model.

    Parameters
    ----------
    data : dataset_file.DatasetFile
    entry : dict
        As `experiment.Experiment.training` gives it.
    name : str
        The model's. Two models of the same seed start from different weights.
    seed : int
        Of the initial weights and of the mini-batches, together with the name.

    Returns
    -------
    model, history, metrics, settings
        The arguments of `trained_model.save`.
    """
    settings = {
        "architecture": entry["architecture"],
        "options": entry["options"],
        "input_shape": list(data.image_shape),
        "classes": len(data.class_names),
        "training": entry["training"],
        "weight_decay": entry["weight_decay"],
        "sparsity": entry.get("sparsity"),
        "trained_on": entry["trained_on"],
        "seed": seed,
        "digest": data.digest,
    }
    own_seed = _own_seed(name, seed)
    torch.manual_seed(own_seed)
    build = {key: settings[key] for key in ("architecture", "input_shape", "classes")}
    model = networks.build(**build, **settings["options"])
    images, labels = _tensors(data, entry["trained_on"])
    history = training.train(
        model,
        images,
        labels,
        method=_method(entry["training"]),
        weight_decay=entry["weight_decay"],
        sparsity=_sparsity(entry.get("sparsity")),
        seed=own_seed,
    )
    errors = {}
    for split in data.split_names:
        images, labels = _tensors(data, split)
        errors[split] = {"n": len(labels), "errors": count_errors(model, images, labels)}
        logger.info("%s: %d errors of %d", split, errors[split]["errors"], len(labels))
    last = history.rows[-1]
    metrics = {
        "errors": errors,
        "trained_on": entry["trained_on"],
        "objective": last["objective"],
        "steps": len(history.rows),
        "seed": seed,
        "digest": data.digest,
    }
    return model, history, metrics, settings


def _own_seed(name, seed):
    return int(hashlib.sha256(f"{name} {seed}".encode()).hexdigest()[:8], 16)


def _tensors(data, name):
    split = data.split(name)
    return torch.from_numpy(split.images), torch.from_numpy(split.labels)


def _method(entry):
    ((name, options),) = entry.items()
    return training.METHODS[name](**options)


def _sparsity(entry):
    if entry is None:
        return None
    options = {key: value for key, value in entry.items() if key != "training"}
    return training.Sparsity(**options, method=_method(entry["training"]))
