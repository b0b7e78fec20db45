"""The 8×8 digits that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import torch

from intriguing.datasets.dataset import Dataset
from intriguing.datasets.subset import Subset, held_out_test
from intriguing.errors import DataError


def read(root: Path, subset: Subset, *, test_fraction: float = 0.2) -> Dataset:
    """Read the digits.

    Parameters
    ----------
    root : Path
        Not used: nothing is downloaded.
    subset : subset.Subset
    test_fraction : float
        Share of each class that is held out for testing.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise DataError("scikit-learn is not installed: pip install 'intriguing[data]'") from error

    digits = load_digits()
    images = torch.from_numpy(digits.images / 16).float()[:, None]
    labels = torch.from_numpy(digits.target).long()
    train, test = held_out_test(digits.target, test_fraction, subset.seed)
    train = train[subset.rows("train", len(train))]
    test = test[subset.rows("test", len(test))]
    names = tuple(str(label) for label in digits.target_names)
    return Dataset("digits", images[train], labels[train], images[test], labels[test], names)
