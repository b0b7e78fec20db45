"""What the numbers of Tables 1 to 4 rest on, in the line below each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intriguing.artifacts.sample import TargetRule


def caption(dataset: str, attack: Mapping[str, Any], seeds: int, *, published: str) -> str:
    """The line below a table.

    Parameters
    ----------
    dataset : str
    attack : mapping
        Settings of the attack that is shown: ``count``, ``split``, ``targets``, ``margin`` (in
        logits) and ``labels``.
    seeds : int
        How many trainings of each model there are.
    published : str
        Which images the published values are of.
    """
    of_model = (
        "; an error is a class other than that of the undistorted image"
        if attack["labels"] == "model"
        else ""
    )
    covered = (
        f"images and {seeds} seeds"
        if seeds > 1
        else "images alone, since there is one seed (list several under seeds to cover trainings)"
    )
    return (
        f"Ours: {dataset}, {attack['count']} images of split {attack['split']}, target rule"
        f" {TargetRule.of(attack['targets'])}, margin {attack['margin']:g}; 95 % intervals over"
        f" {covered}{of_model}. Paper: MNIST, {published}, target rule not stated; [V]: compared"
        " with the paper's text; inside, below, above: where it lies to our interval."
    )
