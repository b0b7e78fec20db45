"""Networks whose weights come from elsewhere: a file, a download, or as they were built."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from intriguing import networks
from intriguing.errors import MOST, ModelError, shortened
from intriguing.networks.weight_sources import AS_BUILT, PUBLISHED

# under which names checkpoints keep a state_dict
NESTED = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net_state_dict",
    "net",
    "network",
    "weights",
    "params",
    "module",
    "state",
)
# what torch.compile puts before the names of what it compiles, which may be a part
_COMPILED = "_orig_mod."


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

    The state_dict may lie inside a checkpoint, under one of the names of `NESTED`, and what
    wrappers of a network (DataParallel, torch.compile, Lightning) put before all names is removed.
    A tensor that has several names needs one of them. Other precisions are converted.

    Raises
    ------
    ModelError
        If the file is missing, unreadable or of another network.
    """
    content = _content(path)
    state = _renamed(_state_in(content), model.state_dict())
    try:
        missing, foreign = model.load_state_dict(state, strict=False)
        missing = _unfilled(missing, state, model.state_dict())
        different, cause = _differences(foreign, missing), None
    # a network's own hooks may raise anything where they meet the weights of another
    except Exception as error:
        different, cause = _differences_by_name(state, model.state_dict()), error
        if not different:
            words = " ".join(line.strip() for line in str(error).splitlines()[:2])
            raise _foreign(path, words) from error
    if different:
        own = list(model.state_dict())
        holds = [] if state else [f"holds {_summary(content)}"]
        expected = " to ".join(own[:1] + own[-1:]) or "none"
        found = " and ".join([*holds, *different])
        raise _foreign(path, f"it {found}; expected are {expected}") from cause
    return model


def _foreign(path: str | Path, difference: str) -> ModelError:
    return ModelError(
        f"the weights file {path} is of another network ({difference}): give a state_dict of this"
        " architecture, or correct the options of the entry"
    )


def _differences_by_name(state: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """What distinguishes a state from that of the network, hooks of the network left aside."""
    foreign = [name for name in state if name not in own]
    missing = _unfilled([name for name in own if name not in state], state, own)
    sizes = {
        name: (list(state[name].shape), list(tensor.shape))
        for name, tensor in own.items()
        if all(isinstance(value, torch.Tensor) for value in (tensor, state.get(name)))
        and not nn.parameter.is_lazy(tensor)
    }
    wrong = [
        f"has {shortened(name)} of size {given}, not {size}"
        for name, (given, size) in sizes.items()
        if given != size
    ]
    return _differences(foreign, missing) + wrong[:1]


def _differences(foreign: Sequence[str], missing: Sequence[str]) -> list[str]:
    return [
        f"{verb} {shortened(' '.join(names[0].split()))}"
        + (f" ({len(names) - 1} more)" if len(names) > 1 else "")
        for verb, names in (("has", foreign), ("lacks", missing))
        if names
    ]


def _content(path: str | Path) -> Any:
    try:
        if str(path).lower().endswith(".safetensors"):
            return safetensors.torch.load_file(path)
        # tensors alone, and settings beside them: nothing in the file is run
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"the weights file {path} does not exist: correct its path") from error
    except Exception as error:
        objects = _objects_in(path)
        if objects:
            raise ModelError(
                f"the weights file {path} holds objects and not tensors alone"
                f" ({_line(objects)}): save model.state_dict() by torch.save where"
                " their code is, and give that file"
            ) from error
        raise ModelError(
            f"the weights file {path} cannot be read ({type(error).__name__}): give a safetensors"
            " file, or the tensors of model.state_dict() saved by torch.save"
        ) from error


def _objects_in(path: str | Path) -> list[str]:
    """Classes and functions that a file of torch.save needs, such as that of a whole network."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # it is no such file, or a damaged one
        return []


def _state_in(content: Any, levels: int = 3) -> Mapping[str, Any]:
    """The tensors by name that a file holds, under one of the names of `NESTED` or as they are."""
    if not isinstance(content, Mapping) or not levels:
        return {}
    for key in NESTED:
        state = _state_in(content.get(key), levels - 1)
        if state:
            return state
    tensors = any(isinstance(value, torch.Tensor) for value in content.values())
    return content if tensors and all(isinstance(key, str) for key in content) else {}


def _renamed(state: Mapping[str, Any], own: Collection[str]) -> Mapping[str, Any]:
    """A state under the names of the network, if they differ in what wrappers put there."""
    plain = {name: name.replace(_COMPILED, "") for name in state}
    known = {name.replace(_COMPILED, ""): name for name in own}
    parts = next(iter(plain.values()), "").split(".")
    heads = ["".join(f"{part}." for part in parts[:depth]) for depth in range(len(parts))]
    shared = [head for head in heads if all(name.startswith(head) for name in plain.values())]
    # the shortest of those with which most names are known
    best = max(shared, key=lambda head: sum(n.removeprefix(head) in known for n in plain.values()))
    names = {name: known.get(plain[name].removeprefix(best), name) for name in state}
    if all(name == new for name, new in names.items()) or len(set(names.values())) < len(names):
        return state  # with the versions of its modules, which torch.save keeps beside the tensors
    return {new: state[name] for name, new in names.items()}


def _unfilled(
    missing: Sequence[str], state: Mapping[str, Any], own: Mapping[str, torch.Tensor]
) -> list[str]:
    """Of the names that a state lacks, those whose tensors have got no values.

    Tied weights are one tensor under several names. safetensors.torch.save_model writes one of
    them, and what has its memory is loaded with it. (Its load_model does the same, but refuses
    files with all of the names.) The number of batches that a batch norm has seen only matters
    for further training without a momentum, and torch did not always store it.
    """
    if not missing:
        return []
    storages = {
        name: tensor.untyped_storage()
        for name, tensor in own.items()
        if isinstance(tensor, torch.Tensor) and not nn.parameter.is_lazy(tensor)
    }
    filled = {
        storage.data_ptr()
        for name, storage in storages.items()
        if name in state and own[name].nbytes == storage.nbytes()
    }
    return [
        name
        for name in missing
        if name.rpartition(".")[2] != "num_batches_tracked"
        and (name not in storages or storages[name].data_ptr() not in filled)
    ]


def _summary(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"a value of the type {type(content).__name__}"
    return _line(content) or "nothing"


def _line(names: Collection[Any]) -> str:
    """The first names of what a file holds, as many as a line has room for."""
    shown = [shortened(" ".join(str(name).split())) for name in list(names)[:MOST]]
    while len(", ".join(shown)) > 100:
        shown.pop()
    return ", ".join(shown + ["…"] * (len(shown) < len(names)))
