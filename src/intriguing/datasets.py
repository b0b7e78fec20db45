"""Image data sets, from where they come to tensors in [0, 1].

`load` is the only entry. Every set is checked when it is read, because a truncated or altered
file would otherwise show up much later as an odd number in a table. How the files of a set are
read is in `idx_files`, `cifar` and `image_folder`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from intriguing import splits
from intriguing.data_root import ROOT_VARIABLE, resolved
from intriguing.errors import DataError

NAMES = ("digits", "mnist", "fashion_mnist", "cifar10", "image_folder")


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
        from intriguing import image_folder

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
        from intriguing import cifar

        return cifar.read(root, subset)
    from intriguing import idx_files

    return idx_files.read(name, root, subset)


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


def download(source, root, folder, remedy):
    """Let torchvision download a data set.

    Parameters
    ----------
    source : class of torchvision.datasets
    root, folder : path
        Where it goes, and where its files then are.
    remedy : str
        What to do without a download.

    Raises
    ------
    DataError
        If there is no network, or the files are not the published ones.
    """
    try:
        # torchvision checks the MD5 of each archive, also of one that is already there
        source(root=root, download=True)
    except (RuntimeError, OSError) as error:  # the errors of urllib and gzip are OSErrors
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{source.__name__} is not in {folder} and cannot be downloaded ({reason}): {remedy}"
        ) from error


def elsewhere(holds):
    """The end of a remedy: where else the files may be."""
    return (
        f"or set data.root in the experiment or the environment variable {ROOT_VARIABLE} to the"
        f" folder that holds {holds}"
    )


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
