"""What the numbers of Tables 1 and 2 rest on, in the line below both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intriguing.artifacts.sample import TargetRule


def caption(dataset: str, attack: Mapping[str, Any]) -> str:
    """The line below Tables 1 and 2.

    Parameters
    ----------
    dataset : str
    attack : mapping
        Settings of the attack that is shown: ``count``, ``split``, ``targets``, ``margin`` (in
        logits) and ``labels``.
    """
    of_model = (
        "; an error is a class other than that of the undistorted image"
        if attack["labels"] == "model"
        else ""
    )
    return (
        f"Ours: {dataset}, {attack['count']} images of split {attack['split']}, target rule"
        f" {TargetRule.of(attack['targets'])}, margin {attack['margin']:g}; 95 % intervals"
        f"{of_model}. Paper: MNIST, training images, target rule not stated; [V]: compared"
        " with the paper's text."
    )
