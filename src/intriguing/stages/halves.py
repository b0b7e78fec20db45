"""Table 4: transfer between models of disjoint training sets, amplified too, and under noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas

from intriguing.artifacts.dataset import DatasetFile
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.stages import noise, transfer


def run(
    data: DatasetFile,
    sets: Iterable[tuple[str, AdversarialSet]],
    models: transfer.Models,
    settings: Mapping[str, Any],
    *,
    seed: int,
) -> pandas.DataFrame:
    """Errors of all models on the sets made for each, and on Gaussian noise on the same images.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    sets : iterable of (str, AdversarialSet)
        Model that each set was made for, and the set.
    models : dict of str to (Module, tasks.Task)
    settings : mapping
        As `experiment.paths.halved_transfer` gives it.
    seed : int
        Seed of the models and of the noise.

    Returns
    -------
    pandas.DataFrame
        As `transfer.of_sets`.
    """
    sample, clip = settings["sample"], settings["clip"]
    noisy = (
        (name, noise.run(data, sample, deviation, clip=clip, seed=seed))
        for name, deviation in settings["noise"].items()
    )
    adversarial = transfer.of_sets(
        data,
        sets,
        models,
        attack=settings["attack"],
        seed=seed,
        amplified=settings["amplified"],
    )
    random = transfer.of_sets(data, noisy, models, attack="gaussian_noise", seed=seed)
    return pandas.concat([adversarial, random], ignore_index=True)
