"""Networks whose weights come from elsewhere: a file, a download, or as they were built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from intriguing import networks
from intriguing.errors import ModelError
from intriguing.networks.weight_sources import AS_BUILT, PUBLISHED


def network(entry: Mapping[str, Any], input_shape: Sequence[int], classes: int) -> nn.Module:
    """Build a network and give it its weights.

    Parameters
    ----------
    entry : dict
        As `networks.from_entry` takes it, with ``weights``: ``as_built``, ``IMAGENET1K_V1``
        (torchvision_alexnet) or the path of a file.
    input_shape : tuple of int
        (C, H, W).
    classes : int

    Raises
    ------
    ModelError
        If it cannot be built or the weights are missing, unreadable or another network's.
    """
    weights = entry["weights"]
    if weights == PUBLISHED:
        entry = {**entry, "options": {**entry["options"], "weights": PUBLISHED}}
    model = networks.from_entry(entry, input_shape, classes)
    return model if weights in (AS_BUILT, PUBLISHED) else load_weights(model, weights)


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Load a user's weights file (safetensors, or what torch.save wrote) into a network.

    Raises
    ------
    ModelError
        If the file is missing, unreadable or of another network.
    """
    try:
        if str(path).endswith(".safetensors"):
            state = safetensors.torch.load_file(path)
        else:
            # tensors alone: nothing in the file is run
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"the weights file {path} does not exist: correct its path") from error
    except Exception as error:
        reason = type(error).__name__
        raise ModelError(
            f"the weights file {path} cannot be read ({reason}): give a safetensors file, or the"
            " tensors of model.state_dict() saved by torch.save"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    own = list(model.state_dict())
    foreign = [str(key) for key in state if key not in own]
    missing = [key for key in own if key not in state]
    if foreign or missing:
        found = f"has {foreign[0]}" if foreign else f"lacks {missing[0]}"
        raise ModelError(
            f"the weights file {path} is of another network (it {found}; expected are"
            f" {' to '.join(own[:1] + own[-1:]) or 'none'}): give a state_dict with the names of"
            " this architecture"
        )
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise ModelError(
            f"the weights file {path} is of another network ({' '.join(lines[:2])}): give the"
            " weights of this architecture"
        ) from error
    return model
