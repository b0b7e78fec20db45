"""Logits of any network, whatever it does with its input, and copies of the network."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils import parametrize, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from intriguing.errors import ModelError

# hooks that compute a layer's weight before each call, and what puts it into the layer for good
_REMOVED_BY = {WeightNorm: remove_weight_norm, SpectralNorm: remove_spectral_norm}


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
            f"the model fails on {some} of shape {tuple(images.shape[1:])} ({in_words(error)}):"
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
            f"the model cannot be copied ({in_words(error)}): build it from plain modules and"
            " parameters"
        ) from error


def with_plain_weights(model: nn.Module) -> nn.Module:
    """A copy whose layers hold the weights that are computed for them, to be read like any others.

    Computed by ``weight_norm``, ``spectral_norm`` or another parametrisation; a model without them
    is returned as it is.
    """
    if not any(_computes_weights(module) for module in model.modules()):
        return model
    plain = copied(model)
    for module in list(plain.modules()):
        if parametrize.is_parametrized(module):
            # torch's remove_parametrizations changes the class, which a copy shares with the model
            weights = {name: getattr(module, name).detach() for name in module.parametrizations}
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            for name, weight in weights.items():
                module.register_parameter(name, nn.Parameter(weight, requires_grad=False))
        for hook in list(module._forward_pre_hooks.values()):
            if type(hook) in _REMOVED_BY:
                _REMOVED_BY[type(hook)](module, hook.name)
    return plain


def _computes_weights(module: nn.Module) -> bool:
    hooks = module._forward_pre_hooks.values()
    return parametrize.is_parametrized(module) or any(type(hook) in _REMOVED_BY for hook in hooks)


def in_words(error: Exception) -> str:
    """Kind and message of what a model's own code raised, on one line."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    # TorchScript says first that it failed, then where, and at last why
    reason = lines[-1] if "TorchScript" in lines[0] else lines[0]
    kind = type(error).__name__
    return reason if reason.startswith(f"{kind}: ") else f"{kind}: {reason}"


def described(output: object) -> str:
    """What a network gives instead of a tensor, for a message."""
    name = type(output).__name__
    return f"an object of type {name}" if hasattr(output, "logits") else f"a {name}"
