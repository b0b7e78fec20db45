"""Norms of resampling: an image enlarged or reduced along each axis, a linear map each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from intriguing.errors import BoundError
from intriguing.lipschitz.norms import operator_norm

MODES = ("nearest", "nearest-exact", "bilinear", "bicubic", "area")


def resampling_interval(module: Any, *, input_size: Sequence[int]) -> tuple[float, float]:
    """Operator norm of torch.nn.Upsample over two axes.

    All modes act on one axis after the other, so that the norm is the product of the norms of two
    matrices.

    Parameters
    ----------
    module : Module
        With ``size`` or ``scale_factor``, ``mode`` and ``align_corners``.
    input_size : tuple of two int
        (H, W).

    Returns
    -------
    lower, upper : float

    Raises
    ------
    BoundError
        If the mode is not known.
    """
    if module.mode not in MODES:
        raise BoundError(f"resampling in the mode {module.mode!r} has no bound: use one of {MODES}")
    lower, upper = 1.0, 1.0
    for axis, length in enumerate(input_size):
        rows = torch.eye(length, dtype=torch.float64)[:, None, :, None]
        moved = F.interpolate(
            rows,
            size=_along(module.size, axis, 1),
            scale_factor=_along(module.scale_factor, axis, 1.0),
            mode=module.mode,
            align_corners=module.align_corners,
            recompute_scale_factor=getattr(module, "recompute_scale_factor", None),
        )
        low, high = operator_norm(moved.flatten(1))
        lower, upper = lower * low, upper * high
    # weights are computed in single precision
    return lower * (1 - 1e-6), upper * (1 + 1e-6)


def _along(given: Any, axis: int, other: float) -> Any:
    """What is given for one axis, and for the other axis of a map that is one pixel wide."""
    if given is None:
        return None
    own = given[axis] if isinstance(given, tuple | list) else given
    return (own, other)
