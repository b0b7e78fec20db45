"""Images with labels, as every data set gives them, and which of them are kept."""

import hashlib
from dataclasses import dataclass

import torch

from intriguing import splits
from intriguing.errors import DataError


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
    class_names: tuple

    @property
    def digest(self):
        """SHA-256 of the content: the same images in the same order give the same digest."""
        digest = hashlib.sha256()
        for tensor in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(str((tuple(tensor.shape), tensor.dtype)).encode())
            digest.update(tensor.contiguous().flatten().numpy())
        return digest.hexdigest()


@dataclass(frozen=True)
class Subset:
    """How many images of a data set are kept: ``train`` and ``test``, None for all."""

    seed: int = 0
    train: int | None = None
    test: int | None = None

    def rows(self, split, number):
        """Sorted positions of the images that are kept, in a form that indexes arrays.

        Parameters
        ----------
        split : {"train", "test"}
        number : int
            Images that there are.

        Raises
        ------
        DataError
            If more are asked for than there are, or none.
        """
        count = {"train": self.train, "test": self.test}[split]
        if count is None:
            return slice(None)
        if not 1 <= count <= number:
            raise DataError(
                f"data.{split}_count is {count}, but the {split} set has {number} images:"
                f" give a number from 1 to {number}, or leave the key out to keep all"
            )
        return splits.sample(number, count, self.seed)


def intensities(pixels):
    """Pixels 0 to 255, uint8 Tensor, as float32 in [0, 1]."""
    return pixels.float().div_(255)


def held_out_test(labels, fraction, seed):
    """`splits.held_out_test`, with a sentence where one of the two sets would be empty."""
    train, test = splits.held_out_test(labels, fraction, seed)
    if not len(train) or not len(test):
        raise DataError(
            f"data.test_fraction {fraction} of {len(labels)} images leaves {len(train)} to train"
            f" and {len(test)} to test: change it, or add images"
        )
    return train, test
