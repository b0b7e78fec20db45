"""What is known of the published data sets without reading them. Knows nothing of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A data set of fixed size.

    class_names : tuple of str
        In the order of the labels.
    train : tuple of int
        Number of images of each class.
    test : tuple of int or None
        The same of the test set; None: it is drawn from ``train``.
    """

    class_names: tuple[str, ...]
    train: tuple[int, ...]
    test: tuple[int, ...] | None


SETS = {
    "digits": Published(
        tuple("0123456789"),
        (178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
        None,
    ),
    # as torchvision calls the classes
    "mnist": Published(
        (
            *("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"),
            *("5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"),
        ),
        (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    ),
    "fashion_mnist": Published(
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        (6000,) * 10,
        (1000,) * 10,
    ),
    "cifar10": Published(
        (
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        (5000,) * 10,
        (1000,) * 10,
    ),
}
