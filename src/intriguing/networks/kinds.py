"""What tables call the kinds of layer, and which module a function of torch stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import nn

from intriguing.errors import UnknownLayerError

_Entry = TypeVar("_Entry")


class Rearranged(nn.Identity):
    """Stands for functions and methods that give the values of an image another shape."""


def our_layer(module: str, name: str) -> str:
    """Name by which a layer of this project is listed.

    It is put together here: neither importing this module nor its code hash (see `provenance`,
    which follows references) involves the networks.
    """
    return f"intriguing.networks.{module}:{name}"


# by class, or by "module:qualified name" for classes that are not imported here
NAMES: dict[type[nn.Module] | str, str] = {
    nn.Softmax: "softmax",
    nn.Linear: "FC",
    nn.Conv1d: "Conv",
    nn.Conv2d: "Conv",
    nn.ConvTranspose1d: "ConvTranspose",
    nn.ConvTranspose2d: "ConvTranspose",
    nn.Dropout: "dropout",
    nn.Dropout1d: "dropout",
    nn.Dropout2d: "dropout",
    nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm",
    nn.LocalResponseNorm: "LRN",
    nn.MaxPool2d: "max-pool",
    nn.AvgPool2d: "average pool",
    nn.LPPool2d: "L2 pool",
    nn.AdaptiveAvgPool2d: "average pool",
    nn.AdaptiveMaxPool2d: "max-pool",
    our_layer("response_norm", "ResponseNorm"): "LRN",
    our_layer("convolution", "ChannelsLastConv2d"): "Conv",
    our_layer("local_layers", "LocallyConnected2d"): "local",
    our_layer("local_layers", "L2Pool2d"): "L2 pool",
    our_layer("local_layers", "LocalContrastNorm2d"): "LCN",
    nn.Identity: "reshape",
    nn.Flatten: "reshape",
    nn.Unflatten: "reshape",
    Rearranged: "reshape",
    nn.ReLU: "ReLU",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
}


def entry_of(module: nn.Module, table: Mapping[type[nn.Module] | str, _Entry]) -> _Entry | None:
    """What a table by class, or by name of a class, has for a module; its class comes first."""
    own = table.get(type(module))
    if own is not None:
        return own
    return table.get(f"{type(module).__module__}:{type(module).__qualname__}")


def name_of(module: nn.Module) -> str | None:
    """Name of a module's kind in tables; None where the kind is not known."""
    return entry_of(module, NAMES)


def unknown(what: str) -> UnknownLayerError:
    """The error for a layer or operation without a bound."""
    return UnknownLayerError(
        f"there is no bound for {what}: register one for its class with"
        " intriguing.lipschitz.register (for an operation: put it into a module of its own first)"
    )


def _without_inplace(module: type[nn.Module]) -> Callable[..., nn.Module]:
    def build(inplace: bool = False) -> nn.Module:
        return module()

    return build


def _softmax_function(dim: int | None = None, **options: Any) -> nn.Module:
    return nn.Softmax(dim)


def _dropout_function(p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module:
    return nn.Dropout(p).train(training)


def _rearranged(*arguments: Any, **options: Any) -> nn.Module:
    return Rearranged()


# functions and methods of tensors as the modules that do the same; further arguments as theirs
AS_MODULES: dict[Any, Callable[..., nn.Module]] = {
    **dict.fromkeys((F.relu, torch.relu, "relu"), _without_inplace(nn.ReLU)),
    **dict.fromkeys((F.sigmoid, torch.sigmoid, "sigmoid"), nn.Sigmoid),
    **dict.fromkeys((F.tanh, torch.tanh, "tanh"), nn.Tanh),
    **dict.fromkeys((F.softmax, torch.softmax, "softmax"), _softmax_function),
    F.dropout: _dropout_function,
    F.max_pool2d: nn.MaxPool2d,
    torch.max_pool2d: nn.MaxPool2d,
    F.avg_pool2d: nn.AvgPool2d,
    F.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d,
    F.adaptive_max_pool2d: nn.AdaptiveMaxPool2d,
    F.local_response_norm: nn.LocalResponseNorm,
    **dict.fromkeys((torch.flatten, "flatten"), _rearranged),
    **dict.fromkeys((torch.reshape, "reshape", "view"), _rearranged),
    **dict.fromkeys((torch.permute, "permute"), _rearranged),
    **dict.fromkeys((torch.transpose, "transpose"), _rearranged),
    **dict.fromkeys((torch.squeeze, "squeeze", torch.unsqueeze, "unsqueeze"), _rearranged),
    **dict.fromkeys(("contiguous", "float", "clone"), _rearranged),
}
