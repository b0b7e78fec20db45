"""Which pixels the windows of a layer see, along one axis; padding included.

Everything that counts windows rests on `Axis.sources`, a small table of pixel numbers, so that
stride, dilation, padding on one side only, and maps smaller than the kernel need no special cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from intriguing.errors import BoundError

PerAxis = int | Sequence[int]
"""One number, or one for each axis."""
MODES = ("zeros", "circular", "reflect", "replicate")
OUTSIDE = -1
AS_MANY_AS_FIT = -1


@dataclass(frozen=True)
class Axis:
    """Windows along one axis.

    Parameters
    ----------
    size : int
        Pixels of the input.
    kernel, stride, dilation : int
    before, after : int
        Padding on either side.
    mode : str
        What the padding holds: zeros, or copies of pixels (circular, reflect, replicate).
    outputs : int
        Number of windows; as many as fit by default.

    Raises
    ------
    BoundError
        If a number is not positive, the padding is too large for its mode or no window fits.

    Examples
    --------
    >>> Axis(5, kernel=3, stride=2, before=1).sources.tolist()
    [[-1, 0, 1], [1, 2, 3]]
    """

    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    mode: str = "zeros"
    outputs: int = AS_MANY_AS_FIT

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise BoundError(
                f"padding_mode is {self.mode!r}: choose one of {', '.join(map(repr, MODES))}"
            )
        for name in ("size", "kernel", "stride", "dilation"):
            if getattr(self, name) < 1:
                raise BoundError(f"{name} is {getattr(self, name)}: give at least 1")
        if min(self.before, self.after) < 0:
            raise BoundError(f"padding is {min(self.before, self.after)}: give at least 0")
        most = {"reflect": self.size - 1, "circular": self.size}.get(self.mode)
        if most is not None and max(self.before, self.after) > most:
            raise BoundError(
                f"{self.mode} padding is {max(self.before, self.after)} for {self.size} pixels:"
                f" give at most {most}"
            )
        fitting = (self.padded - self.extent) // self.stride + 1
        if fitting < 1:
            raise BoundError(
                f"a kernel that spans {self.extent} pixels does not fit into {self.padded}, padding"
                " included: give a larger input_size"
            )
        if self.outputs == AS_MANY_AS_FIT:
            object.__setattr__(self, "outputs", fitting)

    @property
    def padded(self) -> int:
        """Pixels with padding."""
        return self.before + self.size + self.after

    @property
    def extent(self) -> int:
        """Pixels that a dilated kernel spans."""
        return self.dilation * (self.kernel - 1) + 1

    @cached_property
    def origin(self) -> np.ndarray:
        """Pixel that each padded position copies, or OUTSIDE for zeros: int array (padded,)."""
        position = np.arange(-self.before, self.size + self.after)
        inside = (position >= 0) & (position < self.size)
        if self.mode == "zeros":
            return np.where(inside, position, OUTSIDE)
        if self.mode == "circular":
            return position % self.size
        if self.mode == "replicate":
            return position.clip(0, self.size - 1)
        mirrored = np.abs(position)
        last = self.size - 1
        return last - np.abs(last - mirrored)

    @cached_property
    def sources(self) -> np.ndarray:
        """Pixel under each tap of each window, or OUTSIDE: int array (outputs, kernel)."""
        starts = self.stride * np.arange(self.outputs)
        taps = self.dilation * np.arange(self.kernel)
        return self.origin[starts[:, None] + taps]

    @property
    def live_taps(self) -> np.ndarray:
        """Taps that see a pixel in some window: bool array (kernel,)."""
        return (self.sources != OUTSIDE).any(0)

    @property
    def most_windows(self) -> int:
        """Largest number of times that windows look at one pixel."""
        seen = self.sources[self.sources != OUTSIDE]
        return int(np.bincount(seen, minlength=1).max()) if seen.size else 0

    @property
    def most_copies(self) -> int:
        """Largest number of padded positions that hold the same pixel."""
        return int(np.bincount(self.origin[self.origin != OUTSIDE]).max())

    @property
    def most_repeats(self) -> int:
        """Largest number of windows at one place of a circular axis; 1 for the others."""
        if self.mode != "circular":
            return 1
        return int(np.bincount(self.stride * np.arange(self.outputs) % self.size).max())

    @cached_property
    def torus(self) -> int:
        """Length of a circle, a multiple of the stride, around which no window sees a wrong pixel.

        Windows that see no pixel, and taps that see none in any window, are left out: zeros need
        no room.
        """
        live = (self.sources != OUTSIDE).any(1).nonzero()[0]
        taps = self.live_taps.nonzero()[0]
        if not len(live):
            return self.stride
        first = self.stride * live[0] - self.before + self.dilation * taps[0]
        last = self.stride * live[-1] - self.before + self.dilation * taps[-1]
        windows = int(live[-1] - live[0] + 1)
        room = max(self.size - int(first), int(last) + 1, self.size, self.stride * windows)
        return self.stride * math.ceil(room / self.stride)


def pair(value: Any, name: str) -> tuple[int, int]:
    """One number, or one for each of two axes, as a tuple of two int.

    Raises
    ------
    BoundError
        If it is neither; the message names the option.

    Examples
    --------
    >>> pair(3, "stride"), pair([1, 2], "stride")
    ((3, 3), (1, 2))
    """
    values = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(values) == 1:
        values *= 2
    if len(values) != 2 or not all(isinstance(v, int) for v in values):
        raise BoundError(f"{name} is {value!r}: give a whole number, or one for each axis")
    return values
