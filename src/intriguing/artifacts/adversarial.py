"""Files of adversarial sets: the shards of one joined, and a row about one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from intriguing import intervals
from intriguing.artifacts.files import read_arrays, write_arrays
from intriguing.artifacts.sample import TargetRule
from intriguing.errors import ArtifactError

ARRAYS = (
    "images",
    "distortion",
    "success",
    "already_wrong",
    "labels",
    "targets",
    "loss_weight",
    "evaluations",
)
"""Names of the arrays of a set, one row an image: see `attacks.AdversarialSet`."""
_SUMMARISED = ("method", "split", "targets", "labels", "margin", "levels", "digest")


def read(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and settings of an adversarial set.

    Raises
    ------
    ArtifactError
        If the file is missing, truncated or does not hold an adversarial set.
    """
    arrays, settings = read_arrays(path)
    if not set(ARRAYS) <= set(arrays):
        raise ArtifactError(f"{path} does not hold an adversarial set: delete it and run again")
    return {name: arrays[name] for name in ARRAYS}, settings


def join(paths: Sequence[str | Path], path: str | Path) -> None:
    """Write one set of several, one after the other.

    Raises
    ------
    ArtifactError
        If they were made with different settings.
    """
    parts = [read(part) for part in paths]
    first = parts[0][1]
    for _, settings in parts:
        changed = [key for key in first | settings if first.get(key) != settings.get(key)]
        if changed:
            raise ArtifactError(
                f"the shards of {path} differ in {', '.join(changed)}: delete them and run again"
            )
    joined = {name: np.concatenate([arrays[name] for arrays, _ in parts]) for name in ARRAYS}
    write_arrays(path, joined, first)


def summary(path: str | Path, indices: np.ndarray) -> pandas.DataFrame:
    """One row about an adversarial set.

    Parameters
    ----------
    path : path
        File of the set.
    indices : int array (N,)
        Positions of the images in the training or test set, to name those that failed.

    Returns
    -------
    pandas.DataFrame
        ``tried`` images, of which the model had ``already_wrong``; of the ``attacked`` rest
        ``successes``. Distortions are over successes; ``failed_images`` lists the others.
    """
    arrays, settings = read(path)
    if not set(_SUMMARISED) <= set(settings):
        raise ArtifactError(f"{path} does not say how it was made: delete it and run again")
    attacked, success = ~arrays["already_wrong"], arrays["success"]
    distortion = arrays["distortion"][success]
    low, high = intervals.wilson(success.sum(), attacked.sum())
    rate = float(success[attacked].astype(float).mean()) if attacked.any() else float("nan")
    evaluations = arrays["evaluations"][attacked].astype(float)
    row = {
        "method": settings["method"],
        "split": settings["split"],
        "targets": str(TargetRule.of(settings["targets"])),
        "labels": settings["labels"],
        "margin": settings["margin"],
        "levels": settings["levels"],
        "tried": len(success),
        "already_wrong": int((~attacked).sum()),
        "attacked": int(attacked.sum()),
        "successes": int(success.sum()),
        "success_percent": 100 * rate,
        "low_percent": 100 * low,
        "high_percent": 100 * high,
        "distortion_mean": distortion.mean() if len(distortion) else np.nan,
        "distortion_deviation": np.std(distortion, ddof=1) if len(distortion) > 1 else np.nan,
        "distortion_median": np.median(distortion) if len(distortion) else np.nan,
        "distortion_worst": distortion.max() if len(distortion) else np.nan,
        "evaluations_mean": evaluations.mean() if len(evaluations) else np.nan,
        "failed_images": " ".join(str(i) for i in indices[attacked & ~success]),
        "digest": settings["digest"],
    }
    return pandas.DataFrame([row])
