"""Images with labels, as every data set gives them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Dataset:
    """Images and labels of one data set.

    train_images, test_images : float32 Tensor (N, C, H, W) in [0, 1].
    train_labels, test_labels : int64 Tensor (N,).
    class_names : tuple of str, one for each label.
    """

    name: str
    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    class_names: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the content: the same images in the same order give the same digest."""
        digest = hashlib.sha256()
        for tensor in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(str((tuple(tensor.shape), tensor.dtype)).encode())
            digest.update(tensor.contiguous().flatten().numpy())
        return digest.hexdigest()


def intensities(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels 0 to 255, uint8 Tensor, as float32 in [0, 1]."""
    return pixels.float().div_(255)
