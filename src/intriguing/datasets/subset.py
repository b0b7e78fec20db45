"""Which images of a data set are used: all or a random subset, and those held out for testing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intriguing import splits
from intriguing.errors import DataError


@dataclass(frozen=True)
class Subset:
    """How many images of a data set are used: ``train`` and ``test``, None for all."""

    seed: int = 0
    train: int | None = None
    test: int | None = None

    def rows(self, split: str, number: int) -> np.ndarray | slice:
        """Sorted positions of the images to use, in a form that indexes arrays.

        Parameters
        ----------
        split : {"train", "test"}
        number : int
            Images that there are.

        Raises
        ------
        DataError
            If more are requested than there are, or none.
        """
        count = {"train": self.train, "test": self.test}[split]
        if count is None:
            return slice(None)
        if not 1 <= count <= number:
            raise DataError(
                f"data.{split}_count is {count}, but the {split} set has {number} images:"
                f" give a number from 1 to {number}, or leave the key out to use all"
            )
        return splits.sample(number, count, self.seed)


def held_out_test(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`splits.held_out_test`, with a sentence where one of the two sets would be empty."""
    train, test = splits.held_out_test(labels, fraction, seed)
    if not len(train) or not len(test):
        raise DataError(
            f"data.test_fraction {fraction} of {len(labels)} images leaves {len(train)} to train"
            f" and {len(test)} to test: change it, or add images"
        )
    return train, test
