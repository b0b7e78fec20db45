"""Image data sets, from where they come to tensors in [0, 1].

`load` is the only entry. Every set is checked when it is read, because a truncated or altered
file would otherwise show up much later as an odd number in a table. How the files of a set are
read is in the module that ``registry.toml`` names for it.

Importing this package imports no reader, and not torch.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intriguing import registry
from intriguing.datasets.root import resolved
from intriguing.datasets.subset import Subset
from intriguing.errors import DataError, quoted, shortened

if TYPE_CHECKING:
    from intriguing.datasets.dataset import Dataset


def load(
    name: str,
    root: str | Path | None = None,
    *,
    seed: int = 0,
    train_count: int | None = None,
    test_count: int | None = None,
    test_fraction: float | None = None,
    **options: Any,
) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        ``digits`` (8x8, comes with scikit-learn), ``mnist`` or ``fashion_mnist`` (28x28),
        ``cifar10`` (3x32x32), or ``image_folder``: your own images.
    root : path, optional
        Folder of the downloaded sets: an existing copy in ``<root>/MNIST/raw``,
        ``<root>/FashionMNIST/raw`` or ``<root>/cifar-10-batches-py`` is used as it is, otherwise
        it is downloaded there. ``cifar10`` is also read from JPEG copies in
        ``<root>/cifar10-jpeg/{train,test}/<class>/``, if there are no batches; these are lossy,
        and the data set is then called ``cifar10-jpeg``. The environment variable
        ``INTRIGUING_DATA_ROOT`` takes precedence over this parameter, but for an image folder,
        for which it counts where there is no ``root``. Without both: ``data``.
    seed : int
        Seed of the test split and of the subsets.
    train_count, test_count : int, optional
        Use this many random images of the training and of the test set; a larger count contains
        the images of a smaller one.
    test_fraction : float, optional
        Size of the test set of ``digits`` and of an image folder without one, 0.2 by default:
        stratified, unless the classes are too small for it. Not used by the other sets, which have
        a test set.
    **options
        Options of the reader. ``image_folder``: ``folder``, which holds ``train/<class>/*`` and
        ``test/<class>/*`` (or other names of sets, see `class_folders.sets`), or ``<class>/*`` (a
        relative path is under the root); and ``size``, ``resize``, ``channels``, see
        `folder.decode`. None counts as not given.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the name is unknown, an option does not apply, or the files are missing, truncated,
        altered, or not those of a data set.
    """
    readers = registry.table("datasets")
    if name not in readers:
        raise DataError(f"unknown data set {quoted(name)}: choose one of {', '.join(readers)}")
    read = registry.resolve(readers[name])
    taken = inspect.signature(read).parameters
    options = {key: value for key, value in options.items() if value is not None}
    for key, value in options.items():
        if key not in taken:
            raise DataError(
                f"data.{key} is {shortened(str(value))}, which {name} does not use: remove it, or"
                " set data.name to a data set that does (image_folder for your own images)"
            )
    if test_fraction is not None and "test_fraction" in taken:
        options["test_fraction"] = test_fraction
    return read(resolved(name, root), Subset(seed, train_count, test_count), **options)
