"""Image data sets, from where they come to tensors in [0, 1].

`load` is the only entry. Every set is checked when it is read, because a truncated or altered
file would otherwise show up much later as an odd number in a table. How the files of a set are
read is in `idx_files`, `cifar` and `image_folder`.
"""

from pathlib import Path

import torch

from intriguing.datasets import cifar
from intriguing.datasets import folder as image_folder
from intriguing.datasets import idx as idx_files
from intriguing.datasets.dataset import Dataset, Subset, held_out_test
from intriguing.datasets.root import resolved
from intriguing.errors import DataError

NAMES = ("digits", "mnist", "fashion_mnist", "cifar10", "image_folder")


def load(
    name,
    root=None,
    *,
    seed=0,
    test_fraction=0.2,
    folder=None,
    size=None,
    resize=None,
    channels=None,
    train_count=None,
    test_count=None,
):
    """Load a data set by name.

    Parameters
    ----------
    name : str
        ``digits`` (8x8, comes with scikit-learn), ``mnist`` or ``fashion_mnist`` (28x28),
        ``cifar10`` (3x32x32), or ``image_folder``: images of one's own.
    root : path, optional
        Folder of the downloaded sets: an existing copy in ``<root>/MNIST/raw``,
        ``<root>/FashionMNIST/raw`` or ``<root>/cifar-10-batches-py`` is used as it is, otherwise
        it is downloaded there. ``cifar10`` is also read from JPEG copies in
        ``<root>/cifar10-jpeg/{train,test}/<class>/``, if there are no batches; these are lossy,
        and the data set is then called ``cifar10-jpeg``. The environment variable
        ``INTRIGUING_DATA_ROOT`` goes before this parameter.
    seed : int
        Of the test split and of the images that are kept.
    test_fraction : float
        Size of the test set of ``digits`` and of an image folder, which have none of their own:
        stratified, unless the classes are too small for it.
    folder : path
        Of ``image_folder``: holds ``train/<class>/*`` and ``test/<class>/*``, or ``<class>/*``.
        A relative path is under the root.
    size, resize, channels : int, optional
        Of ``image_folder``, see `image_folder.decode`.
    train_count, test_count : int, optional
        Keep so many random images of the training and of the test set; a larger count contains
        the images of a smaller one.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the name is unknown, a parameter does not apply, or the files are missing, truncated,
        altered, or not those of a data set.
    """
    if name not in NAMES:
        raise DataError(f"unknown data set {name!r}: choose one of {', '.join(NAMES)}")
    subset = Subset(seed, train_count, test_count)
    root = resolved(root)
    if name == "image_folder":
        if folder is None:
            raise DataError("data.folder is missing: set it to the folder of the images")
        return image_folder.read(
            root / Path(folder).expanduser(),
            subset,
            test_fraction=test_fraction,
            size=size,
            resize=resize,
            channels=channels,
        )
    own = {"folder": folder, "size": size, "resize": resize, "channels": channels}
    for key, value in own.items():
        if value is not None:
            raise DataError(
                f"data.{key} is {value}, which {name} does not use: remove it, or set data.name"
                " to image_folder"
            )
    if name == "digits":
        return _digits(subset, test_fraction)
    if name == "cifar10":
        return cifar.read(root, subset)
    return idx_files.read(name, root, subset)


def _digits(subset, test_fraction):
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images / 16).float()[:, None]
    labels = torch.from_numpy(digits.target).long()
    train, test = held_out_test(digits.target, test_fraction, subset.seed)
    train = train[subset.rows("train", len(train))]
    test = test[subset.rows("test", len(test))]
    names = tuple(str(label) for label in digits.target_names)
    return Dataset("digits", images[train], labels[train], images[test], labels[test], names)
