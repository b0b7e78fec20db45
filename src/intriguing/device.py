"""Where to compute: a CPU, or a CUDA device where there is one."""

from __future__ import annotations

import itertools
import os

import torch

from intriguing.errors import DeviceError

CHOICES = ("auto", "cpu", "cuda")


def resolve(name: str) -> torch.device:
    """The torch.device of an experiment's ``device``, set up to repeat its results.

    On a CUDA device single precision is computed as such (no TF32) and by deterministic kernels
    where torch has them, so that the same seed gives the same tables there, and those of a CPU up
    to roundings.

    Parameters
    ----------
    name : str
        ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.

    Raises
    ------
    DeviceError
        If ``cuda`` is requested and there is none, or the name is unknown.
    """
    if name not in CHOICES:
        raise DeviceError(f"device is {name!r}: choose one of {', '.join(CHOICES)}")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError(
            "device is 'cuda', but torch sees no CUDA device: set device to auto or cpu, or install"
            " a CUDA build of torch and the card's driver"
        )
    if name == "cpu" or not available:
        return torch.device("cpu")
    # what cuBLAS needs to be deterministic, read at its first call
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    # some backward passes have no deterministic kernel: a warning then, in the log
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device("cuda")


def device_of(model: torch.nn.Module, images: torch.Tensor) -> torch.device:
    """Where a model computes: the device of its parameters or buffers, else of the images."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return next((tensor.device for tensor in tensors), images.device)
