"""Networks, each a `torch.nn.Module` that maps images in [0, 1] to logits, built by name.

Importing this package imports no network, and not torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from intriguing import registry
from intriguing.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


def build(architecture: str, input_shape: Sequence[int], classes: int, **options: Any) -> nn.Module:
    """Build an untrained network.

    Parameters
    ----------
    architecture : str
        ``softmax`` (no hidden layer), ``fully_connected`` (``hidden``: list of layer sizes,
        ``activation``: sigmoid, tanh or relu, ``dropout``), ``autoencoder`` (``units``: hidden
        size; a sparse autoencoder's encoder under a softmax layer), ``alexnet_style`` (see
        `alexnet_style.alexnet_style`), ``quocnet`` (`quocnet.QuocNet`), ``alexnet`` (``grouped``;
        `alexnet.krizhevsky`) or ``torchvision_alexnet`` (``weights``;
        `torchvision_alexnet.torchvision_alexnet`).
    input_shape : tuple of int
        (C, H, W).
    classes : int
        Number of logits.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ModelError
        If the architecture or an option is unknown or not usable.
    """
    architectures = registry.table("architectures")
    if architecture not in architectures:
        known = ", ".join(architectures)
        raise ModelError(f"unknown architecture {architecture!r}: choose one of {known}")
    try:
        return registry.resolve(architectures[architecture])(input_shape, classes, **options)
    except TypeError as error:
        raise ModelError(
            f"architecture {architecture!r} cannot be built with options {options}: {error}"
        ) from error


def from_entry(entry: Mapping[str, Any], input_shape: Sequence[int], classes: int) -> nn.Module:
    """Build what an experiment's entry describes, or the header of a weights file.

    Parameters
    ----------
    entry : mapping
        ``architecture`` or ``factory`` (`factory.build_own`), and ``options``.
    input_shape : tuple of int
        (C, H, W).
    classes : int
    """
    if entry.get("factory"):
        build_own = registry.resolve(registry.table("sources")["factory"])
        return build_own(entry["factory"], input_shape, classes, **entry["options"])
    return build(entry["architecture"], input_shape, classes, **entry["options"])
