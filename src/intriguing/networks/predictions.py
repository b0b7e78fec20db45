"""What a network answers: the class of each image, and how many answers are errors."""

from __future__ import annotations

import torch
from torch import nn

from intriguing.device import device_of
from intriguing.errors import ModelError
from intriguing.networks.logits import logits_of

# images evaluated at once: at most this many, and this many pixels
BATCH, PIXELS = 1000, 1 << 22


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
    rows = rows_at_once(images)
    device = device_of(model, images)
    for start in range(0, len(images), rows):
        logits = logits_of(model, images[start : start + rows].to(device))
        if not logits.isfinite().all():
            raise ModelError("the model gives NaN or infinity: its weights are damaged")
        classes[start : start + rows] = logits.argmax(1)
    return classes


def rows_at_once(images: torch.Tensor) -> int:
    """How many images of this size (Tensor (N, C, H, W)) are evaluated at once."""
    return max(1, min(BATCH, PIXELS // max(1, images[:1].numel())))
