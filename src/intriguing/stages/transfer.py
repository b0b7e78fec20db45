"""Transfer stage: the errors of every model on distorted sets, and on their two controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas
from torch import nn

from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.sample import TargetRule
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.attacks.noise import gaussian_noise
from intriguing.stages.images import labels_for, sampled_images
from intriguing.tasks import Task
from intriguing.transfer import error_matrix


def of_sets(
    data: DatasetFile,
    sets: Iterable[tuple[str, AdversarialSet]],
    models: Mapping[str, tuple[nn.Module, Task]],
    *,
    attack: str,
    seed: int,
) -> pandas.DataFrame:
    """The rows of several sets below each other; one set at a time is in memory.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    sets : iterable of (str, AdversarialSet)
        What each set was made for, and the set.
    models : dict of str to (Module, tasks.Task)
    attack : str
        Name of the attack in the experiment, or ``gaussian_noise``.
    seed : int
        Seed of the models and of the matched noise.

    Returns
    -------
    pandas.DataFrame
        As `run`, with ``attack``, ``made_for`` and ``seed``.
    """
    frames = []
    for made_for, distorted in sets:
        rows = run(data, distorted, models, seed=seed)
        for column, value in {"seed": seed, "made_for": made_for, "attack": attack}.items():
            rows.insert(0, column, value)
        frames.append(rows)
    return pandas.concat(frames, ignore_index=True)


def run(
    data: DatasetFile,
    distorted: AdversarialSet,
    models: Mapping[str, tuple[nn.Module, Task]],
    *,
    seed: int,
) -> pandas.DataFrame:
    """Errors of all models on an adversarial set or a noise set.

    Only the images that count are used: those for which an adversarial example was found (all of
    a noise set). For an adversarial set two controls on the same images show what the distortion
    itself does: ``matched_noise`` has Gaussian noise of exactly the same distortion, image by
    image, not clipped to the box; ``clean`` are the originals. Each model is judged by the classes
    that the images have for it: a binary one by its class and the rest, and where the attack's
    ``labels`` are ``model``, by its own answer for the undistorted image.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    distorted : AdversarialSet
    models : dict of str to (Module, tasks.Task)
    seed : int
        Seed of the matched noise.

    Returns
    -------
    pandas.DataFrame
        As `transfer.error_matrix`, with the mean distortion of each input and what made the set.
    """
    settings = distorted.settings
    noise = settings["attack"] == "gaussian_noise"
    counted = distorted.attacked if noise else distorted.success
    originals, labels = sampled_images(data, settings)
    originals, labels = originals[counted], labels[counted]
    distortion = distorted.distortion[counted]
    inputs = {"distorted": distorted.images[counted], "clean": originals}
    mean_distortion = {"distorted": distortion.mean().item(), "clean": 0.0}
    if not noise:
        matched = gaussian_noise(originals, labels, distortion, seed=seed, exact=True)
        inputs["matched_noise"] = matched.images
        mean_distortion["matched_noise"] = matched.distortion.mean().item()
    frames = []
    for name, (model, task) in models.items():
        own = labels_for(model, task, originals, labels, settings["labels"])
        with_labels = {kind: (images, own) for kind, images in inputs.items()}
        frames.append(error_matrix({name: model}, with_labels))
    frame = pandas.concat(frames, ignore_index=True)
    # models below each other within an input
    frame = frame.sort_values(
        "input", key=lambda kinds: kinds.map(list(inputs).index), kind="stable", ignore_index=True
    )
    frame["distortion_mean"] = frame["input"].map(mean_distortion)
    frame["targets"] = str(TargetRule.of(settings["targets"]))
    for name in ("split", "labels", "margin", "standard_deviation", "digest"):
        frame[name] = settings.get(name, "")
    return frame
