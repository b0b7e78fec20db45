"""Transfer stage: the errors of every model on distorted sets, and on their controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas
import torch
from torch import nn

from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.sample import TargetRule
from intriguing.attacks.adversarial_set import AdversarialSet, root_mean_square
from intriguing.attacks.amplification import amplify, amplify_as_printed
from intriguing.attacks.noise import gaussian_noise
from intriguing.errors import AttackError
from intriguing.stages.images import labels_for, sampled_images
from intriguing.tasks import Task
from intriguing.transfer import error_matrix, margin_cosines

Models = Mapping[str, tuple[nn.Module, Task]]


def of_sets(
    data: DatasetFile,
    sets: Iterable[tuple[str, AdversarialSet]],
    models: Models,
    *,
    attack: str,
    seed: int,
    amplified: float | None = None,
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
    amplified : float, optional
        Distortion to which adversarial examples are amplified as well.

    Returns
    -------
    pandas.DataFrame
        As `run`, with ``attack``, ``made_for`` and ``seed``.

    Raises
    ------
    AttackError
        If examples have a larger distortion, on average, than they are to be amplified to.
    """
    frames = []
    for made_for, distorted in sets:
        rows = run(data, distorted, models, made_for=made_for, seed=seed, amplified=amplified)
        for column, value in {"seed": seed, "made_for": made_for, "attack": attack}.items():
            rows.insert(0, column, value)
        frames.append(rows)
    return pandas.concat(frames, ignore_index=True)


def run(
    data: DatasetFile,
    distorted: AdversarialSet,
    models: Models,
    *,
    made_for: str,
    seed: int,
    amplified: float | None = None,
) -> pandas.DataFrame:
    """Errors of all models on an adversarial set or a noise set.

    Only the images that count are used: those for which an adversarial example was found (all of
    a noise set). For an adversarial set two controls on the same images show what the distortion
    itself does: ``matched_noise`` has Gaussian noise of exactly the same distortion, image by
    image, not clipped to the box; ``clean`` are the originals. Each model is judged by the classes
    that the images have for it: a binary one by its class and the rest, and where the attack's
    ``labels`` are ``model``, by its own answer for the undistorted image.

    Where both models distinguish the same classes, ``same_errors`` counts the errors that are the
    target of the image, and ``cosine_*`` say how far the two models' margins have the same gradient
    at the originals.

    With ``amplified`` there are ``amplified``, clipped to the box, with ``amplified_noise`` of the
    distortion that is left; ``amplified_unclipped``; and ``amplified_as_printed``, by the paper's
    formula. Examples that are farther already stay as they are; ``beyond`` is their number.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    distorted : AdversarialSet
    models : dict of str to (Module, tasks.Task)
    made_for : str
        The model that the set was made for; of a noise set, its name.
    seed : int
        Seed of the matched noise.
    amplified : float, optional

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
    inputs = {"distorted": distorted.images[counted], "clean": originals}
    if not noise:
        distance = distorted.distortion[counted]
        inputs["matched_noise"] = _noise(originals, labels, distance, seed)
        if amplified is not None:
            _check_amplification(made_for, distance, amplified)
            distance = distance.clamp(min=amplified)
            inputs |= _amplified(originals, inputs["distorted"], distance, amplified)
            distance = root_mean_square(inputs["amplified"] - originals)
            inputs["amplified_noise"] = _noise(originals, labels, distance, seed)
    frames = []
    for name, (model, task) in models.items():
        own = labels_for(model, task, originals, labels, settings["labels"])
        aims = (distorted.targets[counted],) if _comparable(distorted, task) else ()
        labelled = {kind: (images, own, *aims) for kind, images in inputs.items()}
        frames.append(error_matrix({name: model}, labelled))
    frame = pandas.concat(frames, ignore_index=True)
    # models below each other within an input
    frame = frame.sort_values(
        "input", key=lambda kinds: kinds.map(list(inputs).index), kind="stable", ignore_index=True
    )
    means = {
        kind: root_mean_square(images - originals).mean().item() for kind, images in inputs.items()
    }
    frame["distortion_mean"] = frame["input"].map(means)
    if amplified is not None and not noise:
        frame["beyond"] = (distorted.distortion[counted] > amplified).sum().item()
    if not noise and made_for in models:
        frame = _with_cosines(frame, made_for, distorted, originals, models)
    frame["targets"] = str(TargetRule.of(settings["targets"]))
    for name in ("split", "labels", "margin", "standard_deviation", "digest"):
        frame[name] = settings.get(name, "")
    return frame


def _noise(
    originals: torch.Tensor, labels: torch.Tensor, distortion: torch.Tensor, seed: int
) -> torch.Tensor:
    return gaussian_noise(originals, labels, distortion, seed=seed, exact=True).images


def _check_amplification(made_for: str, distance: torch.Tensor, amplified: float) -> None:
    mean = distance.mean().item()
    if mean >= amplified:
        raise AttackError(
            f"halves.amplified is {amplified:g}, but the examples for {made_for} already have an"
            f" average distortion of {mean:.4g}: set it to more than that"
        )


def _amplified(
    originals: torch.Tensor, examples: torch.Tensor, distance: torch.Tensor, printed: float
) -> dict[str, torch.Tensor]:
    return {
        "amplified": amplify(originals, examples, distance),
        "amplified_unclipped": amplify(originals, examples, distance, clip=False),
        "amplified_as_printed": amplify_as_printed(originals, examples, printed),
    }


def _comparable(distorted: AdversarialSet, task: Task) -> bool:
    """Whether a set's targets are classes of a model; noise has none."""
    return tuple(distorted.settings.get("class_names", ())) == task.class_names


def _with_cosines(
    frame: pandas.DataFrame,
    made_for: str,
    distorted: AdversarialSet,
    originals: torch.Tensor,
    models: Models,
) -> pandas.DataFrame:
    """Mean and deviation over images of the cosine between margins, in the rows of the set."""
    counted = distorted.success
    others = {name: model for name, (model, task) in models.items() if _comparable(distorted, task)}
    labels, targets = distorted.labels[counted], distorted.targets[counted]
    cosines = margin_cosines(models[made_for][0], others, originals, labels, targets)
    rows = []
    for name, values in cosines.items():
        known = values[~values.isnan()]
        rows.append(
            {
                "input": "distorted",
                "target": name,
                "cosine_n": len(known),
                "cosine_mean": known.mean().item(),
                "cosine_median": known.median().item() if len(known) else float("nan"),
                "cosine_deviation": known.std().item() if len(known) > 1 else float("nan"),
            }
        )
    return frame.merge(pandas.DataFrame(rows), how="left", on=["input", "target"])
