"""Cross-evaluation: which models err on images that were distorted for another."""

import pandas
import torch

from intriguing import intervals
from intriguing.errors import ModelError

BATCH = 1000


def error_matrix(models, inputs):
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


@torch.no_grad()
def count_errors(model, images, labels):
    """Number of images whose largest logit is not their label's.

    Raises
    ------
    ModelError
        If a logit is not finite.
    """
    errors = 0
    for part, wanted in zip(images.split(BATCH), labels.split(BATCH), strict=True):
        logits = model(part)
        if not logits.isfinite().all():
            raise ModelError("the model gives NaN or infinity: its weights are damaged")
        errors += (logits.argmax(1) != wanted).sum().item()
    return errors
