"""Networks as they were trained: built again and given the weights of a model folder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from intriguing import networks
from intriguing.artifacts.model import WEIGHTS, read_weights, rebuild
from intriguing.errors import ArtifactError, ModelError


def load(folder: str | Path) -> nn.Module:
    """Build the network of a model folder with its weights, in evaluation mode.

    Raises
    ------
    ArtifactError
        If a file is missing or damaged, or weights do not fit the network.
    ModelError
        If a weight is not finite.
    """
    path = Path(folder) / WEIGHTS
    arrays, settings = read_weights(folder)
    try:
        model = networks.from_entry(settings, settings["input_shape"], settings["classes"])
        model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    except (KeyError, RuntimeError, TypeError, ValueError, ModelError) as error:
        if isinstance(error, ModelError) and settings.get("factory"):
            raise  # it is the user's code that cannot be found
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise ArtifactError(
            f"{path} does not hold the weights of its network ({reason}): {rebuild(folder)}"
        ) from error
    for name, value in model.state_dict().items():
        if not value.isfinite().all():
            raise ModelError(f"{path} holds NaN or infinity in {name}: {rebuild(folder)}")
    return model.eval().requires_grad_(False)
