"""Where to compute, a CPU or a CUDA device, and what decides how it rounds."""

from __future__ import annotations

import itertools
import os
import platform
from pathlib import Path

import numpy as np
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


def rounding(device: torch.device | str) -> dict[str, str]:
    """What decides the last digits of a result: libraries, and the instructions they choose by.

    Two machines that agree in it give the same bytes. The BLAS library of torch also looks at the
    maker of the processor.

    Parameters
    ----------
    device : torch.device or str
        Where the result is computed.
    """
    blas = "MKL" if torch.backends.mkl.is_available() else "other"
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    found = {
        "torch": str(torch.__version__),
        "torch_instructions": torch.backends.cpu.get_cpu_capability(),
        "blas": f"{blas}, {torch.get_num_threads()} threads",
        "numpy": np.__version__,
        "numpy_instructions": " ".join(extensions["found"]),
        "machine": platform.machine(),
        "processor": _maker(),
    }
    if torch.device(device).type == "cuda":
        found["gpu"] = f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return found


def _maker() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    makers = (value.strip() for key, value in named.items() if key.strip() == "vendor_id")
    return next(makers, platform.processor())


def device_of(model: torch.nn.Module, images: torch.Tensor) -> torch.device:
    """Where a model computes: the device of its parameters or buffers, else of the images."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return next((tensor.device for tensor in tensors), images.device)
