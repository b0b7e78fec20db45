"""Batching with refill: rows that are done leave the batch, waiting problems take their place.

Every row stands at a point of its own in its method, so that a hard image delays no other.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import torch


@dataclass(init=False, eq=False, repr=False)
class Rows:
    """A dataclass of tensors whose first axis counts the rows in work.

    All fields that are tensors or `Rows` take part; other attributes do not.
    """

    def select(self, rows: torch.Tensor) -> None:
        """Reduce all fields to some rows (numbers)."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, torch.Tensor):
                setattr(self, field.name, value[rows])
            elif isinstance(value, Rows):
                value.select(rows)

    def put(self, rows: torch.Tensor, other: Self) -> None:
        """Write all rows of ``other``, of the same class, into some rows (numbers)."""
        for field in fields(self):
            value, new = getattr(self, field.name), getattr(other, field.name)
            if isinstance(value, torch.Tensor):
                value[rows] = new
            elif isinstance(value, Rows):
                value.put(rows, new)


@dataclass(init=False, eq=False, repr=False)
class Batch(Rows, abc.ABC):
    """A method as `work_through` uses it.

    Attributes
    ----------
    owner : int64 Tensor (B,)
        Number of the problem in each row.
    done : bool Tensor (B,)
        Rows that need no further turn.
    """

    owner: torch.Tensor
    done: torch.Tensor

    @abc.abstractmethod
    def turn(self) -> None:
        """Advance every row by one step; set ``done``."""

    @abc.abstractmethod
    def enter(self, rows: torch.Tensor, owner: torch.Tensor) -> None:
        """Put the problems ``owner`` into ``rows`` (both numbers)."""

    @abc.abstractmethod
    def leave(self, rows: torch.Tensor) -> None:
        """Write out what the rows have reached."""


def work_through(batch: Batch, number: int, report: Callable[[int], object] | None = None) -> None:
    """Advance a batch until all of ``number`` problems are done, the first ones being in it.

    Parameters
    ----------
    report : callable, optional
        Called with the number of problems finished since its last call.
    """
    following = len(batch.owner)
    while len(batch.owner):
        batch.turn()
        done = batch.done.nonzero()[:, 0]
        waiting = number - following
        rows = len(batch.owner)
        # replacing costs a few copies of rows: worth it for several at once
        worthwhile = max(1, rows // 16 if waiting else rows // 8)
        if len(done) < min(worthwhile, rows):
            continue
        batch.leave(done)
        entering = min(len(done), waiting)
        if entering:
            owner = torch.arange(following, following + entering, device=done.device)
            batch.enter(done[:entering], owner)
            following += entering
        if entering < len(done):
            batch.done[done[:entering]] = False
            batch.select((~batch.done).nonzero()[:, 0])
        if report:
            report(len(done))
