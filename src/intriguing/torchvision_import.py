"""The one place that imports torchvision.

The compiled operators of a torchvision wheel load only with the torch build they were made for.
With another build (CPU torch, CUDA torchvision) the library skips them, but then registers fake
kernels for two operators whose schemas nobody defined, and the import fails. Defining the
schemas first is enough: data sets and networks use no compiled operator.
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any

from intriguing.errors import DataError


@functools.cache
def import_torchvision() -> ModuleType:
    """Import torchvision, whatever torch build is installed, and return the module."""
    try:
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        raise DataError("torchvision is not installed: pip install 'intriguing[data]'") from error
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    import torch

    # the registration lasts as long as this object, which the module keeps
    global _schemas
    _schemas = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        _schemas.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module("torchvision")


_schemas: Any = None
