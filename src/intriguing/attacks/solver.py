"""The part of an attack that is its own: a solver, and what it is given to work with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from intriguing.attacks.objective import Classifier
from intriguing.attacks.problems import Problems, Solution


@dataclass(frozen=True)
class Work:
    """What a solver is given besides its problems.

    Parameters
    ----------
    classifier : objective.Classifier
    classes : int
    batch_size : int
        Images in work at once.
    at_hand : int
        Images of which copies may be kept at once.
    report : callable
        To be called with a number of images that are finished.
    """

    classifier: Classifier
    classes: int
    batch_size: int
    at_hand: int
    report: Callable[[int], object]

    def quiet(self) -> Work:
        """The same without a report of progress, for images that were counted before."""
        return dataclasses.replace(self, report=_nothing)


class Solver(Protocol):
    """A method that moves images across a boundary of the classifier.

    `run.conduct` does the rest: it checks the input, sets aside the images that the model
    misclassifies, rechecks what the solver found, and asks again where that is necessary.
    """

    @property
    def description(self) -> Mapping[str, Any]:
        """``attack``, its name, and what else goes into the settings of the set."""

    @property
    def vectors(self) -> int:
        """Copies of its pixels that the solver keeps for each image in work."""

    def solve(self, work: Work, problems: Problems) -> Solution:
        """Search from the originals, whose class is not the target.

        All problems are of one kind: either each has a target and `problems.EVERY_OTHER` rivals,
        or each target is `problems.ANY` and the label is the rival.
        """

    def from_starts(self, work: Work, problems: Problems, starts: torch.Tensor) -> Solution:
        """Search from ``starts`` (N, n), points of the target class; each problem has a target."""


def _nothing(number: int) -> None:
    """Reports nothing."""
