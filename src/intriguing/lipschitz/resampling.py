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
        # torch computes the weights in the precision of the image, and then others may result
        found = [_along_axis(module, axis, length, of) for of in (torch.float32, torch.float64)]
        slack = 1 + 1e-6 + 2e-7 * length
        lower *= min(low for low, _ in found) / slack
        upper *= max(high for _, high in found) * slack
    return lower, upper


def _along_axis(module: Any, axis: int, length: int, dtype: torch.dtype) -> tuple[float, float]:
    rows = torch.eye(length, dtype=dtype)[:, None, :, None]
    moved = F.interpolate(
        rows,
        size=_along(module.size, axis, 1),
        scale_factor=_along(module.scale_factor, axis, 1.0),
        mode=module.mode,
        align_corners=module.align_corners,
        recompute_scale_factor=getattr(module, "recompute_scale_factor", None),
    )
    return operator_norm(moved.flatten(1))


def _along(given: Any, axis: int, other: float) -> Any:
    """What is given for one axis, and for the other axis of a map that is one pixel wide."""
    if given is None:
        return None
    own = given[axis] if isinstance(given, tuple | list) else given
    return (own, other)
