"""A user's own networks, by the name of the function that builds them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import nn

from intriguing.errors import ModelError, quoted, shortened
from intriguing.networks.logits import copied, logits_of
from intriguing.networks.precision import in_double_precision
from intriguing.registry import resolve
from intriguing.torchvision_import import import_torchvision


def build_own(factory: str, input_shape: Sequence[int], classes: int, **options: Any) -> nn.Module:
    """Call a user's function and check that it gives a network.

    Parameters
    ----------
    factory : str
        ``package.module:function``. It is looked for in the working directory, then as any import.
    input_shape : tuple of int
        (C, H, W).
    classes : int
        Number of logits.
    **options
        Handed on: ``function(input_shape, classes, **options)``.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ModelError
        If the module or the function cannot be imported, the call fails, or what it returns is not
        a Module that maps images to logits.
    """
    function = _function(factory)
    try:
        model = function(tuple(input_shape), classes, **options)
    except Exception as error:  # whatever the user's code raises
        raise ModelError(
            f"{factory} cannot be built for images {tuple(input_shape)}, {classes} classes and"
            f" options {shortened(str(options))} ({_words(error)}): correct the options or the"
            " function"
        ) from error
    if not isinstance(model, torch.nn.Module):
        raise ModelError(
            f"{factory} returns a {type(model).__name__}: let it return a torch.nn.Module"
        )
    _check_logits(factory, model, input_shape, classes)
    return model


def _function(factory: str) -> Callable[..., Any]:
    module_name, _, name = factory.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = _imported(module_name)
    except (SyntaxError, NameError) as error:
        raise ModelError(
            f"the factory {factory} cannot be imported ({_words(error)}): fix that line"
        ) from error
    except Exception as error:  # an import runs the user's code
        remedy = (
            f"install the package of {module_name}, or run snakemake in the folder that holds it"
        )
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and not f"{module_name}.".startswith(f"{missing}."):
            remedy = f"install {missing}, or correct the import in {module_name}"
        raise ModelError(
            f"the factory {factory} cannot be imported ({_words(error)}): {remedy}"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        found = "has no function" if function is None else "has something other than a function as"
        raise ModelError(
            f"the module {module_name} {found} {quoted(name)}: correct models.*.factory"
        )
    return function


def _imported(name: str) -> ModuleType:
    try:
        return resolve(f"{name}:")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    # it imports a torchvision that was made for another build of torch
    import_torchvision()
    return resolve(f"{name}:")


@torch.no_grad()
def _check_logits(factory: str, model: nn.Module, input_shape: Sequence[int], classes: int) -> None:
    images = torch.zeros(2, *input_shape)
    # lazy layers take their sizes from the first call; a copy keeps the modes of all modules
    tried = copied(model) if not _is_lazy(model) else model
    try:
        logits = tried.eval()(images)
    except Exception as error:
        raise ModelError(
            f"the network of {factory} does not take images of (2, {_sizes(input_shape)})"
            f" ({_words(error)}): correct its layers"
        ) from error
    if tried is model:
        model.train()
    try:
        logits_of(in_double_precision(tried), images.double())
    except Exception as error:
        raise ModelError(
            f"the network of {factory} does not compute in double precision, as bounds need"
            f" ({_words(error)}): make its tensors parameters or buffers (register_buffer)"
        ) from error
    if not torch.is_tensor(logits) or logits.shape != (2, classes):
        found = tuple(logits.shape) if torch.is_tensor(logits) else type(logits).__name__
        raise ModelError(
            f"the network of {factory} gives {found} for two images: let it give logits"
            f" (2, {classes})"
        )


def _is_lazy(model: nn.Module) -> bool:
    return any(torch.nn.parameter.is_lazy(parameter) for parameter in model.parameters())


def _sizes(shape: Sequence[int]) -> str:
    return ", ".join(map(str, shape))


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
