"""Gaussian controls: noise on the images that the attack distorts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from intriguing.artifacts.dataset import DatasetFile
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.attacks.noise import gaussian_noise
from intriguing.stages.images import sampled_images


def of_deviations(
    data: DatasetFile,
    sample: Mapping[str, Any],
    sets: Mapping[str, Mapping[str, Any]],
    *,
    clip: bool,
    seed: int,
    code: str,
) -> Iterator[tuple[str, AdversarialSet]]:
    """Noise sets, each written and then given with its name; one at a time is in memory.

    Parameters
    ----------
    data, sample, clip, seed
        As for `run`.
    sets : mapping of str to mapping
        As `experiment.paths.noise_sets` gives them.
    code : str
        Hash of the code, written into each set.
    """
    for name, wanted in sets.items():
        noisy = run(data, sample, wanted["standard_deviation"], clip=clip, seed=seed)
        noisy.save(wanted["path"], code=code)
        yield name, noisy


def run(
    data: DatasetFile,
    sample: Mapping[str, Any],
    standard_deviation: float,
    *,
    clip: bool,
    seed: int,
) -> AdversarialSet:
    """Gaussian noise on the images of a sample.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    sample : mapping
        As `experiment.Experiment.sample` gives it.
    standard_deviation : float
        In units of the pixel range.
    clip : bool
        Keep the noisy images in [0, 1].
    seed : int
    """
    images, labels = sampled_images(data, sample)
    noisy = gaussian_noise(images, labels, standard_deviation, seed=seed, clip=clip)
    return noisy.with_settings(**sample, standard_deviation=standard_deviation, digest=data.digest)
