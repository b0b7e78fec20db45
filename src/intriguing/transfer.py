"""Cross-evaluation: which models err on images that were distorted for another."""

from __future__ import annotations

from collections.abc import Mapping

import pandas
import torch
from torch import nn

from intriguing import intervals
from intriguing.device import device_of
from intriguing.errors import ModelError

# images evaluated at once: at most this many, and this many pixels
BATCH, PIXELS = 1000, 1 << 22


def error_matrix(
    models: Mapping[str, nn.Module], inputs: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
) -> pandas.DataFrame:
    """Errors of every model on every set of images.

    Parameters
    ----------
    models : dict of str to Module
        In evaluation mode, giving logits.
    inputs : dict of str to (Tensor (N, C, H, W), int64 Tensor (N,))
        Images and their true labels.

    Returns
    -------
    pandas.DataFrame
        One row for each pair: ``input``, ``target`` (the model), ``n``, ``errors``,
        ``error_percent`` and its Wilson 95 % interval ``low_percent``, ``high_percent``.
    """
    rows = []
    for input_name, (images, labels) in inputs.items():
        for target, model in models.items():
            errors = count_errors(model, images, labels)
            low, high = intervals.wilson(errors, len(labels))
            rows.append(
                {
                    "input": input_name,
                    "target": target,
                    "n": len(labels),
                    "errors": errors,
                    "error_percent": 100 * errors / len(labels) if len(labels) else float("nan"),
                    "low_percent": 100 * low,
                    "high_percent": 100 * high,
                }
            )
    return pandas.DataFrame(rows)


def count_errors(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> int:
    """Number of images whose largest logit is not their label's.

    Raises
    ------
    ModelError
        If a logit is not finite.
    """
    return (predicted(model, images) != labels).sum().item()


@torch.no_grad()
def predicted(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The class of the largest logit of each image, int64 Tensor (N,) on the device of ``images``.

    Raises
    ------
    ModelError
        If a logit is not finite.
    """
    classes = torch.empty(len(images), dtype=torch.int64, device=images.device)
    rows = max(1, min(BATCH, PIXELS // max(1, images[:1].numel())))
    device = device_of(model, images)
    for start in range(0, len(images), rows):
        logits = model(images[start : start + rows].to(device))
        if not logits.isfinite().all():
            raise ModelError("the model gives NaN or infinity: its weights are damaged")
        classes[start : start + rows] = logits.argmax(1)
    return classes
