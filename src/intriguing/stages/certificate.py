"""Certificate stage: certified radii compared with what the attacks found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas
import torch
from torch import nn

from intriguing.artifacts import bounds as stored
from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.sample import TargetRule, sample_of
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.attacks.noise import noise_tolerance
from intriguing.errors import BoundError
from intriguing.lipschitz.bounds import Constants
from intriguing.lipschitz.certificate import certified_radii, check_no_example_inside
from intriguing.networks import trained


def read_constants(path: str | Path) -> Constants:
    """The constants that the bounds of a network gave."""
    numbers, pairwise = stored.read(path)
    return Constants(numbers["upper"], torch.from_numpy(pairwise) if len(pairwise) else None)


def of_networks(data: DatasetFile, networks: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """The lines of several networks below each other; one network at a time is in memory.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    networks : iterable of mapping
        As `experiment.paths.certified` gives them.

    Returns
    -------
    pandas.DataFrame
        As `run`, with ``model`` and ``seed``.

    Raises
    ------
    BoundError
        As `run`; the message names the network, too.
    """
    frames = []
    for network in networks:
        try:
            lines = run(
                data,
                trained.load(network["folder"]),
                {attack: AdversarialSet.load(path) for attack, path in network["sets"].items()},
                read_constants(network["bounds"]),
            )
        except BoundError as error:
            raise BoundError(f"{network['model']}, seed {network['seed']}, {error}") from error
        lines.insert(0, "seed", network["seed"])
        lines.insert(0, "model", network["model"])
        frames.append(lines)
    return pandas.concat(frames, ignore_index=True)


def run(
    data: DatasetFile, model: nn.Module, sets: Mapping[str, AdversarialSet], constants: Constants
) -> pandas.DataFrame:
    """A line about each adversarial set of a model and the radii certified for its images.

    Distances are distortions (root mean square over the pixels), as everywhere in the tables.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    model : Module
    sets : dict of str to AdversarialSet
        By the name of the attack.
    constants : lipschitz.bounds.Constants
        Constants of that model.

    Returns
    -------
    pandas.DataFrame
        Over the ``n`` images with an adversarial example: mean, deviation and median of the
        certified distortion (``simple``: margin over root two times the network's constant;
        ``pairwise``; ``targeted``: for the target alone), of the one ``found``, and of the Gaussian
        ``noise`` that first changes the class; the smallest ratio of found to certified.

    Raises
    ------
    BoundError
        If an example lies inside its radius; the message names attack and image.
    """
    lines = []
    for attack, adversarial in sets.items():
        try:
            line = _certificate(data, model, adversarial, constants)
        except BoundError as error:
            raise BoundError(f"attack {attack}: {error}") from error
        lines.append({"attack": attack, **line})
    return pandas.DataFrame(lines)


def _certificate(
    data: DatasetFile, model: nn.Module, adversarial: AdversarialSet, constants: Constants
) -> dict[str, object]:
    settings, found = adversarial.settings, adversarial.success
    sample = sample_of(data, settings)
    originals, labels = torch.from_numpy(sample.images), adversarial.labels
    rule = TargetRule.of(settings["targets"])
    targets = None if rule.untargeted else adversarial.targets
    radii = certified_radii(model, originals, labels, constants, targets)
    names = [f"{index} of {settings['split']}" for index in sample.indices]
    check_no_example_inside(adversarial, originals, radii, names=names)
    certified = {"simple": radii.simple, "pairwise": radii.pairwise, "targeted": radii.targeted}
    pixels = originals[0].numel()
    distances = {
        name: (radius / pixels**0.5)[found]
        for name, radius in certified.items()
        if radius is not None
    }
    largest = list(distances.values())[-1]
    distances["found"] = adversarial.distortion[found]
    distances["noise"] = noise_tolerance(model, originals[found], labels[found])
    line = {key: settings[key] for key in ("method", "split", "digest")}
    line["targets"] = str(rule)
    line |= {"n": int(found.sum()), "constant": constants.upper}
    for name, values in distances.items():
        line[f"{name}_mean"] = _figure(values, torch.mean)
        line[f"{name}_deviation"] = _figure(values, torch.std)
        line[f"{name}_median"] = _figure(values, torch.median)
    line["least_ratio"] = _figure(distances["found"] / largest, torch.min)
    return line


def _figure(values: torch.Tensor, of: Callable[[torch.Tensor], torch.Tensor]) -> float:
    return of(values.double()).item() if len(values) > (of is torch.std) else float("nan")
