"""The Lipschitz constants of a network that certificates need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from intriguing.artifacts.files import read_arrays, write_arrays
from intriguing.errors import ArtifactError

NUMBERS = ("lower", "product", "paper", "eclipse", "multipliers", "lipsdp", "upper")
"""Constants of the whole network, see `lipschitz.network.NetworkBounds`."""


def save(path: str | Path, numbers: Mapping[str, float | None], pairwise: np.ndarray) -> None:
    """Write the constants of a network and of pairs of logits.

    Parameters
    ----------
    numbers : mapping
        `NUMBERS`; None where a method does not apply.
    pairwise : float64 array (classes, classes)
        Certified constant of logit i minus logit j; empty (0, 0) where there is none.
    """
    write_arrays(path, {"pairwise": pairwise}, {name: numbers[name] for name in NUMBERS})


def read(path: str | Path) -> tuple[dict[str, Any], np.ndarray]:
    """The `NUMBERS` (floats or None) and the pairwise constants of a file written by `save`.

    Raises
    ------
    ArtifactError
        If the file is missing, truncated or does not hold bounds.
    """
    arrays, settings = read_arrays(path)
    if "pairwise" not in arrays or not set(NUMBERS) <= set(settings):
        raise ArtifactError(f"{path} does not hold bounds: delete it and run again")
    return {name: settings[name] for name in NUMBERS}, arrays["pairwise"]
