"""Batching with refill: rows that are done leave the batch, waiting problems take their place.

Every row stands at a point of its own in its method, so that a hard image holds up nobody.
"""

import abc

import torch


class Rows:
    """Tensors whose first axis counts the rows in work.

    All attributes that are tensors or `Rows` take part, except those with a leading underscore.
    """

    def select(self, rows):
        """Keep only some rows (Tensor of row numbers), in all tensors and nested `Rows`."""
        for name, value in vars(self).items():
            if name.startswith("_"):
                continue
            if torch.is_tensor(value):
                setattr(self, name, value[rows])
            elif isinstance(value, Rows):
                value.select(rows)


class Batch(Rows, abc.ABC):
    """What `work_through` needs of a method.

    owner : int64 Tensor (B,)
        Number of the problem in each row.
    done : bool Tensor (B,)
        Rows that need no further turn.
    """

    @abc.abstractmethod
    def turn(self):
        """Advance every row by one step; set ``done``."""

    @abc.abstractmethod
    def enter(self, rows, owner):
        """Put the problems ``owner`` into ``rows`` (Tensors of numbers)."""

    @abc.abstractmethod
    def leave(self, rows):
        """Write out what the rows have reached."""


def work_through(batch, number, report=None):
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
