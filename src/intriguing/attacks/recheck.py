"""The recheck: an example counts only if it survives being evaluated by itself.

Batched kernels round differently for different batch sizes, so an image that sits on a decision
boundary within a batch may be on the wrong side alone. A logit margin keeps it away.
"""

import torch

from intriguing.attacks.objective import target_margin
from intriguing.errors import ModelError


@torch.no_grad()
def margins_alone(model, images, targets):
    """Target margin of each image, evaluated one by one, Tensor (N,).

    Parameters
    ----------
    images : float32 Tensor (N, C, H, W)
    targets : int64 Tensor (N,)
    """
    margins = [
        target_margin(model(images[i : i + 1]), targets[i : i + 1]) for i in range(len(images))
    ]
    return torch.cat(margins) if margins else images.new_zeros(0)


@torch.no_grad()
def correct_alone(model, images, labels):
    """Whether each image, evaluated one by one, is classified as its label, bool Tensor (N,).

    Raises
    ------
    ModelError
        If a logit is not finite.
    """
    right = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    for i in range(len(images)):
        logits = model(images[i : i + 1])
        if not logits.isfinite().all():
            raise ModelError(
                f"the model gives NaN or infinity for image {i}: its weights are damaged or it"
                " divides by zero; train or repair it"
            )
        right[i] = logits.argmax(1)[0] == labels[i]
    return right
