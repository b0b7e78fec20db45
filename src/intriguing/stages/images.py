"""The images that an attack distorts as tensors, and the classes that they have for a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.sample import sample_of
from intriguing.networks.predictions import predicted
from intriguing.tasks import Task


def sampled_images(
    data: DatasetFile, entry: Mapping[str, Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Originals and labels that an attack distorts: Tensors (N, C, H, W) and (N,)."""
    sample = sample_of(data, entry)
    return torch.from_numpy(sample.images), torch.from_numpy(sample.labels)


def labels_for(
    model: nn.Module, task: Task, images: torch.Tensor, labels: torch.Tensor, rule: str
) -> torch.Tensor:
    """The classes that images have for a model: int64 Tensor (N,) on the CPU.

    Parameters
    ----------
    model : Module
    task : tasks.Task
        Classes that the model distinguishes.
    images : Tensor (N, C, H, W)
    labels : int64 Tensor (N,)
        Images and labels of the data set.
    rule : {"data", "model"}
        ``data``: those; ``model``: the model's answer for the undistorted image.
    """
    return predicted(model, images) if rule == "model" else task.labels(labels)
