"""Attack stage: adversarial sets of one model, Gaussian controls, and a line about each set."""

import math

import numpy as np
import pandas
import torch

from intriguing import attacks, intervals
from intriguing.attacks import boundary as polish
from intriguing.attacks import penalty_path as penalised
from intriguing.attacks.restarts import most
from intriguing.stages.images import labels_for, sampled_images
from intriguing.stages.sample import target_rule
from intriguing.tasks import class_index


def run(data, model, entry, *, task, seed, shard=0, shards=1, device="cpu"):
    """Adversarial set of one model, or a shard of it.

    Parameters
    ----------
    data : dataset_file.DatasetFile
    model : Module
    entry : dict
        Settings of the attack, as `experiment.Experiment.attack` gives them.
    task : tasks.Task
        What the model tells apart.
    seed : int
        Of the ``random`` target rule.
    shard, shards : int
        Which of how many consecutive parts.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    AdversarialSet
        For the images of `sampled_images`, in that order; labels and targets are the task's.
    """
    images, labels = sampled_images(data, entry)
    model = model.to(device)
    labels = labels_for(model, task, images, labels, entry["labels"])
    # chosen for all images, so that a shard has the targets it would have in the whole
    targets = _targets(entry["targets"], data, model, images, labels, seed)
    first, last = (len(labels) * part // shards for part in (shard, shard + 1))
    part = slice(first, last)
    common = ("margin", "recheck", "levels", "batch_size", "memory_mb")
    options = {key: entry[key] for key in common if key in entry}
    own_targets = targets if targets is None else targets[part]
    # what is started again from must not depend on the shard, and hold images of the target
    pool = data.sample(entry["split"], most(math.prod(data.image_shape)), most=True)
    options["exemplars"] = torch.from_numpy(pool.images)
    made = _METHODS[entry["method"]](model, images[part], labels[part], own_targets, entry, options)
    names = list(task.class_names)
    made.settings.update(entry, digest=data.digest, seed=seed, class_names=names)
    made.settings["binary"] = task.positive is not None
    return made


def _targets(rule, data, model, images, labels, seed):
    if rule == "any":
        return None
    if isinstance(rule, dict):
        return torch.full_like(labels, class_index(data.class_names, rule["class"]))
    return attacks.choose_targets(rule, model, images, labels, seed=seed)


def _lbfgs(model, images, labels, targets, entry, options):
    settings = penalised.Settings(**entry["search"])
    return attacks.lbfgs(model, images, labels, targets, settings=settings, **options)


def _minimum_distortion(model, images, labels, targets, entry, options):
    if "candidates" in entry:
        options["candidates"] = entry["candidates"]
    settings = polish.Settings(**entry["search"])
    return attacks.minimum_distortion(model, images, labels, targets, settings=settings, **options)


_METHODS = {"lbfgs": _lbfgs, "minimum_distortion": _minimum_distortion}


def run_noise(data, sample, standard_deviation, *, clip, seed):
    """Gaussian noise on the images of ``sample``, as `experiment.Experiment.sample` gives it."""
    images, labels = sampled_images(data, sample)
    made = attacks.gaussian_noise(images, labels, standard_deviation, seed=seed, clip=clip)
    made.settings.update(
        **sample,
        standard_deviation=standard_deviation,
        digest=data.digest,
    )
    return made


def _deviation(values):
    return np.std(values, ddof=1) if len(values) > 1 else np.nan


def summary(made, indices):
    """One row about an adversarial set.

    Parameters
    ----------
    made : AdversarialSet
    indices : int array (N,)
        Positions of the images in the training or test set, to name those that failed.

    Returns
    -------
    pandas.DataFrame
        ``tried`` images, of which the model had ``already_wrong``; of the ``attacked`` rest
        ``successes``. Distortions are over successes; ``failed_images`` lists the others.
    """
    attacked, success = made.attacked.cpu().numpy(), made.success.cpu().numpy()
    distortion = made.distortion.cpu().numpy()[success]
    low, high = intervals.wilson(success.sum(), attacked.sum())
    figure = (lambda f: f(distortion)) if len(distortion) else (lambda f: np.nan)
    row = {
        "method": made.settings["method"],
        "split": made.settings["split"],
        "targets": target_rule(made.settings["targets"]),
        "labels": made.settings["labels"],
        "margin": made.settings["margin"],
        "levels": made.settings["levels"],
        "tried": len(made),
        "already_wrong": int((~attacked).sum()),
        "attacked": int(attacked.sum()),
        "successes": int(success.sum()),
        "success_percent": 100 * made.success_rate,
        "low_percent": 100 * low,
        "high_percent": 100 * high,
        "distortion_mean": figure(np.mean),
        "distortion_deviation": figure(_deviation),
        "distortion_median": figure(np.median),
        "distortion_worst": figure(np.max),
        "evaluations_mean": made.evaluations[made.attacked].double().mean().item(),
        "failed_images": " ".join(str(i) for i in indices[attacked & ~success]),
        "digest": made.settings["digest"],
    }
    return pandas.DataFrame([row])
