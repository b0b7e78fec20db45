"""torchvision's AlexNet, another network than that of 2012."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from intriguing.errors import ModelError
from intriguing.torchvision_import import import_torchvision

# mean and deviation of ImageNet's pixels, by channel, as torchvision's networks are trained with
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class NormalisedAlexNet(nn.Module):
    """torchvision's AlexNet on images in [0, 1]: its published weights expect them normalised.

    The names of its parameters are those of torchvision's.

    Parameters
    ----------
    network : torchvision.models.AlexNet
    """

    def __init__(self, network: Any):
        super().__init__()
        self.features, self.avgpool = network.features, network.avgpool
        self.classifier = network.classifier
        for name, values in (("mean", IMAGENET_MEAN), ("deviation", IMAGENET_DEVIATION)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.avgpool(self.features((images - self.mean) / self.deviation))
        return self.classifier(torch.flatten(features, 1))


def torchvision_alexnet(
    input_shape: Sequence[int], classes: int, *, weights: str | None = None
) -> NormalisedAlexNet:
    """torchvision's AlexNet: another network (64-192-384-256-256 channels, no LRN, no groups).

    Parameters
    ----------
    input_shape : tuple of int
        (3, H, W), made for 224×224.
    classes : int
    weights : str, optional
        ``IMAGENET1K_V1``: the published ones, downloaded by torchvision.

    Returns
    -------
    NormalisedAlexNet

    Raises
    ------
    ModelError
        If the images are too small, or the weights cannot be downloaded or do not fit.
    """
    channels, *size = input_shape
    if channels != 3 or min(size) < 63:
        raise ModelError(
            f"torchvision_alexnet is given {tuple(input_shape)}: it needs colour images of at least"
            " 63×63, usually 224×224"
        )
    models = import_torchvision().models
    try:
        return NormalisedAlexNet(models.alexnet(weights=weights, num_classes=classes))
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"torchvision's alexnet cannot be built with {weights!r}: {error}"
        ) from error
    except OSError as error:
        raise ModelError(
            f"the weights {weights!r} cannot be downloaded ({error}): give the path of a weights"
            " file"
        ) from error
