"""How many images to work on at once: as many as a memory budget and the batch size allow."""

from __future__ import annotations

import torch

from intriguing.attacks.objective import ROWS
from intriguing.errors import AttackError
from intriguing.networks.logits import logits_of

# On a CPU more rows only leave the caches; a GPU wants more to do.
USUAL = {"cpu": 512}
USUAL_ELSEWHERE = 1024
# pixels of an image from which on rows are not filled up: that would cost more than it is worth
LARGE = 1 << 15
# working copies of pixels in a method besides those it counts itself, forward and backward included
WORKING_VECTORS = 24


def rows_at_once(
    model: torch.nn.Module,
    image: torch.Tensor,
    *,
    batch_size: int | None,
    memory_mb: float,
    vectors: int,
) -> tuple[int, int]:
    """Batch size that stays within a budget, and the multiple of rows to evaluate.

    Parameters
    ----------
    model : Module
    image : Tensor (1, C, H, W)
    batch_size : int or None
        At most this many; None: what suits the device.
    memory_mb : float
        Budget in MiB for working memory (not the images themselves, nor the model).
    vectors : int
        Copies of its pixels that a method keeps for each image.

    Returns
    -------
    rows : int
    multiple : int
        `objective.ROWS`, or less where the budget has no room for this many; 1 for large images,
        whose last digits may then depend on what else is in work.

    Raises
    ------
    AttackError
        If not even one image fits.
    """
    wanted = batch_size or USUAL.get(image.device.type, USUAL_ELSEWHERE)
    pixels = image.numel() * image.element_size() * (vectors + WORKING_VECTORS)
    # saved for the backward pass, and about as much again for its gradients
    each = pixels + 2 * activation_bytes(model, image)
    fitting = int(memory_mb * 2**20 // each)
    if fitting < 1:
        raise AttackError(
            f"one image needs about {each / 2**20:.0f} MiB to work with, but memory_mb is"
            f" {memory_mb:g}: raise it"
        )
    if image.numel() > LARGE:
        return min(wanted, fitting), 1
    if fitting >= ROWS:
        fitting = fitting // ROWS * ROWS
    return min(wanted, fitting), min(ROWS, fitting)


def activation_bytes(model: torch.nn.Module, image: torch.Tensor) -> int:
    """Bytes that autograd keeps of a forward pass on one image, parameters not counted."""
    fixed = {tensor.data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    saved = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in fixed:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda packed: packed):
        logits_of(model, image.detach().clone().requires_grad_(True))
    return sum(saved.values())
