"""Logits of any network, whatever it does with its input, and copies of the network."""

from __future__ import annotations

import copy

import torch
from torch import nn

from intriguing.errors import ModelError


def logits_of(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Logits of some images.

    The network gets a copy of the images, which it may change. One that drops the batch axis of a
    single image (``squeeze()``) gets it back.

    Parameters
    ----------
    model : Module
    images : Tensor (N, C, H, W)
        Where the model computes.

    Returns
    -------
    Tensor (N, classes)

    Raises
    ------
    ModelError
        If the model fails on these images, or gives something else than logits of two classes or
        more for each.
    """
    try:
        output = model(images.clone())
    except Exception as error:  # whatever the model's own code raises
        some = "a single image" if len(images) == 1 else f"{len(images)} images"
        raise ModelError(
            f"the model fails on {some} of shape {tuple(images.shape[1:])} ({_words(error)}):"
            " give it images that it takes, and let it keep the first axis, that of the batch"
        ) from error
    if torch.is_tensor(output) and output.ndim == 1 and len(images) == 1:
        output = output[None]
    if not torch.is_tensor(output):
        raise ModelError(
            f"the model gives {described(output)} instead of logits ({len(images)}, classes):"
            " wrap it in a torch.nn.Module that returns only the tensor of logits"
        )
    if output.is_meta:
        raise ModelError(
            "the model is on the device meta, without weights: build it on another and load them"
        )
    if output.ndim != 2 or len(output) != len(images) or output.shape[1] < 2:
        hint = (
            ": of a binary classifier with output z return torch.cat([-z, z], 1) / 2, say"
            if output.shape[1:] in ((), (1,))
            else ""
        )
        raise ModelError(
            f"the model gives {tuple(output.shape)} for {len(images)} images instead of logits"
            f" ({len(images)}, classes), with two classes or more{hint}"
        )
    return output


def in_training(model: nn.Module) -> bool:
    """Whether part of a model is in training mode, where dropout and batch norm are random.

    What `torch.export` gives says so of itself and refuses ``eval()``, but its forward is fixed.
    """
    exported = isinstance(model, torch.fx.GraphModule) and "eval" in vars(model)
    return not exported and any(module.training for module in model.modules())


def copied(model: nn.Module) -> nn.Module:
    """A copy of a model, that of a hook-based ``weight_norm`` included.

    Raises
    ------
    ModelError
        If it cannot be copied.
    """
    # what a hook computes from parameters before each call is not a leaf, and cannot be copied
    computed = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if torch.is_tensor(value) and not value.is_leaf
    }
    try:
        return copy.deepcopy(model, computed)
    except Exception as error:
        raise ModelError(
            f"the model cannot be copied ({_words(error)}): build it from plain modules and"
            " parameters"
        ) from error


def in_double_precision(model: nn.Module) -> nn.Module:
    """A copy in double precision; `ModelError` if there is none."""
    double = copied(model)
    try:
        return double.double()
    except Exception as error:  # a module may convert its tensors in its own way
        raise ModelError(
            f"there is no copy of the model in double precision ({_words(error)}): build it from"
            " plain modules and parameters"
        ) from error


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def described(output: object) -> str:
    """What a network gives instead of a tensor, for a message."""
    name = type(output).__name__
    return f"an object of type {name}" if hasattr(output, "logits") else f"a {name}"
