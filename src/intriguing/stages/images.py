"""The images that an attack distorts as tensors, and the classes that they have for a model."""

import torch

from intriguing.stages.sample import sample_of
from intriguing.transfer import predicted


def sampled_images(data, entry):
    """Originals and labels that an attack distorts: Tensors (N, C, H, W) and (N,)."""
    sample = sample_of(data, entry)
    return torch.from_numpy(sample.images), torch.from_numpy(sample.labels)


def labels_for(model, task, images, labels, rule):
    """The classes that images have for a model: int64 Tensor (N,) on the CPU.

    Parameters
    ----------
    labels : int64 Tensor (N,)
        Of the data.
    rule : str
        ``data``: those; ``model``: what the model says of the undistorted image.
    """
    return predicted(model, images) if rule == "model" else task.labels(labels)
