"""Copies of networks in double precision, of those that cast to single precision inside too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from intriguing.errors import ModelError
from intriguing.networks.logits import copied, in_words


class _SingleIsDouble(TorchFunctionMode):
    """While it is active, what asks for single precision gets double precision."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        options = {name: _double(value) for name, value in (kwargs or {}).items()}
        return func(*map(_double, args), **options)


def _double(argument: Any) -> Any:
    return torch.float64 if argument is torch.float32 else argument


class _Double(nn.Module):
    """A network in double precision, whose casts to single precision count as casts to double.

    That takes time at every operation, and happens only where it makes a difference.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self._casts: bool | None = None

    def forward(self, images: torch.Tensor) -> Any:
        if self._casts is None:
            self._casts = self._has_casts(images)
        return self._without_casts(images) if self._casts else self.model(images)

    @torch.no_grad()
    def _has_casts(self, images: torch.Tensor) -> bool:
        # the network may change its input
        try:
            output = self.model(images.clone())
        except RuntimeError:
            return True
        try:
            other = self._without_casts(images.clone())
        except Exception:  # it does not compute without its casts
            return False
        if not (torch.is_tensor(output) and torch.is_tensor(other)):
            return False
        return output.dtype != other.dtype or not torch.equal(output, other)

    def _without_casts(self, images: torch.Tensor) -> Any:
        with _SingleIsDouble():
            return self.model(images)


def in_double_precision(model: nn.Module) -> nn.Module:
    """A copy in double precision, in which casts to single precision have no effect.

    Raises
    ------
    ModelError
        If there is none.
    """
    double = copied(model)
    if isinstance(double, torch.jit.ScriptModule) and not double.state_dict():
        # torch does not convert such weights, and may crash on an image in another precision
        raise ModelError(
            "there is no copy of the model in double precision, since its weights are frozen into"
            " its code: give the model as it is before torch.jit.freeze"
        )
    try:
        return _Double(double.double())
    except Exception as error:  # a module may convert its tensors in its own way
        raise ModelError(
            f"there is no copy of the model in double precision ({in_words(error)}): build it from"
            " plain modules and parameters"
        ) from error
