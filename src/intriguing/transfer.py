"""Cross-evaluation: which models err on images that were distorted for another, and how."""

from __future__ import annotations

from collections.abc import Mapping

import pandas
import torch
from torch import nn

from intriguing import checks, intervals
from intriguing.device import device_of
from intriguing.networks.logits import logits_of
from intriguing.networks.predictions import predicted, rows_at_once

Labelled = tuple[torch.Tensor, torch.Tensor] | tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Images (N, C, H, W) and their true labels (N,), and targets (N,) if they were moved to some."""


def error_matrix(
    models: Mapping[str, nn.Module], inputs: Mapping[str, Labelled]
) -> pandas.DataFrame:
    """Errors of every model on every set of images.

    Parameters
    ----------
    models : dict of str to Module
        In evaluation mode, giving logits.
    inputs : dict of str to (Tensor (N, C, H, W), int64 Tensor (N,)[, int64 Tensor (N,)])
        Images, their true labels and, where they were distorted to become another class, these
        targets. Images are converted to the precision of each model, and may have any shape that
        all models take, such as (N, features).

    Returns
    -------
    pandas.DataFrame
        One row for each pair: ``input``, ``target`` (the model), ``n``, ``errors``,
        ``error_percent`` and its Wilson 95 % interval ``low_percent``, ``high_percent``; and
        ``same_errors``, how many of the errors are the image's target (NaN without targets).

    Raises
    ------
    AttackError
        If images are not floating point, or there is not one label for each.
    ModelError
        If a model does not take the images, or gives no finite logits for them.
    """
    rows = []
    for input_name, (images, labels, *targets) in inputs.items():
        checks.check_batch(images, labels)
        for target, model in models.items():
            classes = predicted(model, images.to(_precision(model, images)))
            wrong = classes != labels
            errors = wrong.sum().item()
            same = (wrong & (classes == targets[0])).sum().item() if targets else float("nan")
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
                    "same_errors": same,
                }
            )
    return pandas.DataFrame(rows)


def _precision(model: nn.Module, images: torch.Tensor) -> torch.dtype:
    """In what a model computes: the precision of its parameters, else that of the images."""
    kinds = (parameter.dtype for parameter in model.parameters())
    return next((kind for kind in kinds if kind.is_floating_point), images.dtype)


def margin_cosines(
    model: nn.Module,
    others: Mapping[str, nn.Module],
    images: torch.Tensor,
    labels: torch.Tensor,
    targets: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """How far models agree on the direction in which an image becomes another class.

    The cosine of the angle between the gradients of two models' margins, the target's logit minus
    the label's, at an image.

    Parameters
    ----------
    model : Module
    others : dict of str to Module
    images : Tensor (N, C, H, W)
    labels, targets : int64 Tensors (N,)

    Returns
    -------
    dict of str to float64 Tensor (N,)
        For each of the others; NaN where a gradient is 0.
    """
    cosines: dict[str, list[torch.Tensor]] = {name: [] for name in others}
    for rows in torch.arange(len(images)).split(rows_at_once(images)):
        problem = images[rows], labels[rows], targets[rows]
        own = _margin_gradients(model, *problem)
        for name, other in others.items():
            gradients = own if other is model else _margin_gradients(other, *problem)
            lengths = own.norm(dim=1) * gradients.norm(dim=1)
            cosines[name].append((own * gradients).sum(1) / lengths)
    return {name: torch.cat([torch.empty(0), *parts]).double() for name, parts in cosines.items()}


def _margin_gradients(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Gradient of target's logit minus label's for each image: float64 Tensor (N, pixels)."""
    device = device_of(model, images)
    inputs = images.to(device).detach().clone().requires_grad_()
    chosen = torch.stack([targets, labels], 1).to(device)
    with torch.enable_grad():
        logits = logits_of(model, inputs).gather(1, chosen)
        (gradients,) = torch.autograd.grad((logits[:, 0] - logits[:, 1]).sum(), inputs)
    return gradients.flatten(1).double().cpu()
