"""Cross-evaluation: which models err on images that were distorted for another."""

from __future__ import annotations

from collections.abc import Mapping

import pandas
import torch
from torch import nn

from intriguing import intervals
from intriguing.networks.predictions import count_errors


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
