"""Options that every attack has, whatever its method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intriguing.checks import check_count
from intriguing.errors import AttackError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class Options:
    """Keyword arguments that `lbfgs` and `minimum_distortion` share, checked together.

    Parameters
    ----------
    margin : float
        Least difference between the target's logit and any other for an example to count, checked
        on the float32 image evaluated alone.
    recheck : {"float32", "float64"}
        ``float64``: the margin must also hold in a double-precision copy of the model.
    levels : int, optional
        Round pixels to this many levels (256: 8 bits). Examples that rounding undoes are solved
        again with a larger margin.
    batch_size : int, optional
        Images worked on at once, at most; does not change the result beyond rounding. By default
        512 on a CPU, 1024 elsewhere.
    memory_mb : float
        Budget in MiB for working memory; fewer images are worked on at once where it asks for it.
    device : str or torch.device, optional
        Where to compute; by default where the model is. A model elsewhere is copied.

    Raises
    ------
    AttackError
        If a value makes no sense. Whether the device exists is checked when it is used.

    Examples
    --------
    >>> Options(levels=256).margin
    0.0001
    >>> Options(levels=1)
    Traceback (most recent call last):
    ...
    intriguing.errors.AttackError: levels is 1: give a whole number of at least 2, or None for no \
rounding
    """

    margin: float = 1e-4
    recheck: str = "float32"
    levels: int | None = None
    batch_size: int | None = None
    memory_mb: float = 1024
    device: str | torch.device | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.margin < float("inf"):
            raise AttackError(f"margin is {self.margin}: give a finite number of at least 0")
        if self.batch_size is not None:
            check_count("batch_size", self.batch_size)
        if not self.memory_mb > 0:
            raise AttackError(f"memory_mb is {self.memory_mb}: give a positive number")
        if self.levels is not None and (not isinstance(self.levels, int) or self.levels < 2):
            raise AttackError(
                f"levels is {self.levels!r}: give a whole number of at least 2, or None for no"
                " rounding"
            )
        if self.recheck not in PRECISIONS:
            known = ", ".join(map(repr, PRECISIONS))
            raise AttackError(f"recheck is {self.recheck!r}: choose one of {known}")
