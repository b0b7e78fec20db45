"""Training stage: from an experiment's entry to a trained network and its errors."""

import hashlib
import logging

import torch

from intriguing import networks
from intriguing.networks import given_weights
from intriguing.tasks import Task
from intriguing.training import classifier as training
from intriguing.training import minimisers
from intriguing.training.reconstruction import ReconstructionTica
from intriguing.training.sparse_code import Sparsity
from intriguing.transfer import count_errors

logger = logging.getLogger(__name__)


def run(data, entry, *, name, seed, device="cpu", code=""):
    """Build, train and measure one model, or measure one whose weights are given.

    Parameters
    ----------
    data : dataset_file.DatasetFile
    entry : dict
        As `experiment.Experiment.training` gives it.
    name : str
        The model's. Two models of the same seed start from different weights.
    seed : int
        Of the initial weights and of the mini-batches, together with the name.
    device : torch.device or str
        Where to train.
    code : str
        Hash of the code, for the settings.

    Returns
    -------
    model, history, metrics, settings
        The arguments of `trained_model.save`; the model on the CPU.
    """
    task = Task.of(data.class_names, entry.get("positive"))
    settings = {
        "architecture": entry.get("architecture", ""),
        "factory": entry.get("factory", ""),
        "options": entry["options"],
        "input_shape": list(data.image_shape),
        "classes": len(task.class_names),
        "class_names": list(task.class_names),
        "positive": task.positive,
        "weights": entry.get("weights", ""),
        "training": entry["training"],
        "weight_decay": entry["weight_decay"],
        "sparsity": entry.get("sparsity"),
        "reconstruction": entry.get("reconstruction"),
        "trained_on": entry["trained_on"],
        "seed": seed,
        "digest": data.digest,
        "code": code,
    }
    history = minimisers.History()
    model = untrained(settings, name)
    if not settings["weights"]:
        model = model.to(device)
        images, labels = _tensors(data, task, entry["trained_on"])
        history = training.train(
            model,
            images.to(device),
            labels.to(device),
            method=_method(entry["training"]),
            weight_decay=entry["weight_decay"],
            code=_code(entry),
            seed=_own_seed(name, seed),
        )
    model.eval().requires_grad_(False).cpu()
    errors = {}
    for split in data.split_names:
        images, labels = _tensors(data, task, split)
        errors[split] = {"n": len(labels), **_errors(model, task, images, labels)}
        logger.info("%s: %d errors of %d", split, errors[split]["errors"], len(labels))
    metrics = {
        "errors": errors,
        "trained_on": entry["trained_on"],
        "objective": history.rows[-1]["objective"] if history.rows else None,
        "steps": len(history.rows),
        "seed": seed,
        "digest": data.digest,
    }
    return model, history, metrics, settings


def untrained(settings, name):
    """The network of some settings as it is before training, or with the weights it is given."""
    torch.manual_seed(_own_seed(name, settings["seed"]))
    build = given_weights.network if settings["weights"] else networks.from_entry
    return build(settings, settings["input_shape"], settings["classes"])


def _errors(model, task, images, labels):
    """Number of errors; of a binary model also among the images of its class, and how many."""
    errors = {"errors": count_errors(model, images, labels)}
    if task.positive is not None:
        own = labels == 1
        errors["positive_n"] = int(own.sum())
        errors["positive_errors"] = count_errors(model, images[own], labels[own])
    return errors


def _own_seed(name, seed):
    return int(hashlib.sha256(f"{name} {seed}".encode()).hexdigest()[:8], 16)


def _tensors(data, task, name):
    split = data.split(name)
    return torch.from_numpy(split.images), task.labels(torch.from_numpy(split.labels))


def _method(entry):
    ((name, options),) = entry.items()
    return minimisers.METHODS[name](**options)


def _code(entry):
    """Settings of the stage without labels, of an architecture that has one."""
    for key, kind in (("sparsity", Sparsity), ("reconstruction", ReconstructionTica)):
        if entry.get(key) is not None:
            options = {name: value for name, value in entry[key].items() if name != "training"}
            return kind(**options, method=_method(entry[key]["training"]))
    return None
