"""Training stage: from an experiment's entry to a trained network and its errors."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import nn

from intriguing import registry
from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.model import ModelFiles
from intriguing.device import rounding
from intriguing.networks.predictions import count_errors
from intriguing.networks.untrained import own_seed, untrained
from intriguing.tasks import Task
from intriguing.training.classifier import Unsupervised, train
from intriguing.training.minimisers import METHODS, Method
from intriguing.training.objective import History

logger = logging.getLogger(__name__)


def run(
    data: DatasetFile,
    entry: Mapping[str, Any],
    *,
    name: str,
    seed: int,
    device: torch.device | str = "cpu",
    code: str = "",
) -> ModelFiles:
    """Build, train and measure one model, or measure one whose weights are given.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    entry : mapping
        As `experiment.Experiment.training` gives it.
    name : str
        The model's. Two models of the same seed start from different weights.
    seed : int
        Seed of the initial weights and of the mini-batches, together with the name.
    device : torch.device or str
        Where to train.
    code : str
        Hash of the code, for the settings.
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
        "adversarial": entry.get("adversarial"),
        "contraction": entry.get("contraction"),
        "trained_on": entry["trained_on"],
        "seed": seed,
        "digest": data.digest,
        "code": code,
    }
    history = History()
    model = untrained(settings, name)
    if not settings["weights"]:
        model = model.to(device)
        images, labels = _tensors(data, task, entry["trained_on"])
        images, labels = images.to(device), labels.to(device)
        method, decay, own = _method(entry["training"]), entry["weight_decay"], own_seed(name, seed)
        cure = _cure(entry)
        if cure is None:
            stage = _unsupervised(entry)
            history = train(
                model, images, labels, method=method, weight_decay=decay, code=stage, seed=own
            )
        else:
            cure.fit(
                model,
                (images, labels),
                method=method,
                weight_decay=decay,
                seed=own,
                history=history,
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
    arrays = {key: value.detach().cpu().numpy() for key, value in model.state_dict().items()}
    return ModelFiles(arrays, settings, metrics, history.rows, rounding(device))


def _errors(
    model: nn.Module, task: Task, images: torch.Tensor, labels: torch.Tensor
) -> dict[str, int]:
    """Number of errors; of a binary model also among the images of its class, and how many."""
    errors = {"errors": count_errors(model, images, labels)}
    if task.positive is not None:
        own = labels == 1
        errors["positive_n"] = int(own.sum())
        errors["positive_errors"] = count_errors(model, images[own], labels[own])
    return errors


def _tensors(data: DatasetFile, task: Task, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    split = data.split(name)
    return torch.from_numpy(split.images), task.labels(torch.from_numpy(split.labels))


def _method(entry: Mapping[str, Any]) -> Method:
    ((name, options),) = entry.items()
    return METHODS[name](**options)


class _Cure(Protocol):
    """Settings of a training against adversarial examples, which know how to carry it out."""

    def fit(
        self,
        model: nn.Module,
        data: tuple[torch.Tensor, torch.Tensor],
        *,
        method: Method,
        weight_decay: Sequence[float],
        seed: int,
        history: History,
    ) -> None:
        """Train a model in place, instead of `classifier.train`."""


def _cure(entry: Mapping[str, Any]) -> _Cure | None:
    """Settings of adversarial or contractive training, of a model that has either."""
    for key, reference in registry.table("cures").items():
        if entry.get(key) is not None:
            return registry.resolve(reference)(**entry[key])
    return None


def _unsupervised(entry: Mapping[str, Any]) -> Unsupervised | None:
    """Settings of the training without labels, of an architecture that has one."""
    for key, reference in registry.table("unsupervised").items():
        if entry.get(key) is not None:
            options = {name: value for name, value in entry[key].items() if name != "training"}
            return registry.resolve(reference)(**options, method=_method(entry[key]["training"]))
    return None
