"""Attack stage: the adversarial set of one model, or a shard of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from intriguing import registry
from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.sample import TargetRule
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.attacks.restarts import most
from intriguing.attacks.targets import choose_targets
from intriguing.stages.images import labels_for, sampled_images
from intriguing.tasks import Task

# keys of an attack's entry that are arguments of its method under the same name
ARGUMENTS = ("margin", "recheck", "levels", "batch_size", "memory_mb", "candidates", "budget")


def run(
    data: DatasetFile,
    model: nn.Module,
    task: Task,
    entry: Mapping[str, Any],
    *,
    seed: int,
    part: tuple[int, int] = (0, 1),
    device: torch.device | str = "cpu",
) -> AdversarialSet:
    """Attack the images of a sample, or a part of them.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    model : Module
    task : tasks.Task
        Classes that the model distinguishes.
    entry : mapping
        Settings of the attack, as `experiment.Experiment.attack` gives them.
    seed : int
        Seed of the ``random`` target rule.
    part : (int, int)
        Which of how many consecutive parts, counted from 0.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    AdversarialSet
        For the images of `images.sampled_images`, in that order; labels and targets are the task's.
    """
    images, labels = sampled_images(data, entry)
    model = model.to(device)
    labels = labels_for(model, task, images, labels, entry["labels"])
    # chosen for all images, so that a shard has the targets it would have in the whole
    targets = _targets(TargetRule.of(entry["targets"]), data, model, images, labels, seed)
    shard, shards = part
    first, last = (len(labels) * number // shards for number in (shard, shard + 1))
    rows = slice(first, last)
    # restarts must not depend on the shard, and need images of the target class
    exemplars = data.sample(entry["split"], most(math.prod(data.image_shape)), most=True)
    attack = registry.resolve(registry.table("attacks")[entry["method"]])
    adversarial = attack(
        model,
        images[rows],
        labels[rows],
        None if targets is None else targets[rows],
        settings=entry["search"],
        exemplars=torch.from_numpy(exemplars.images),
        **{key: entry[key] for key in ARGUMENTS if key in entry},
    )
    return adversarial.with_settings(
        **entry,
        digest=data.digest,
        seed=seed,
        class_names=list(task.class_names),
        binary=task.positive is not None,
    )


def _targets(
    rule: TargetRule,
    data: DatasetFile,
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    seed: int,
) -> torch.Tensor | None:
    if rule.untargeted:
        return None
    label = rule.label(data.class_names)
    if label is not None:
        return torch.full_like(labels, label)
    return choose_targets(rule.name, model, images, labels, seed=seed)
