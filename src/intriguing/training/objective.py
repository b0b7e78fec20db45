"""What a minimiser is given, an objective, and what it records, a history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch

from intriguing.errors import TrainingError

Objective = Callable[[torch.Tensor | None], tuple[torch.Tensor, torch.Tensor | None]]
"""Value and error rate on some rows (None: all)."""


@runtime_checkable
class MeanLoss(Protocol):
    """An objective that is a mean over images plus a penalty that depends on no image."""

    def losses(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of each image, Tensor (N,), and whether it is misclassified, Tensor (N,)."""

    def penalty(self) -> torch.Tensor:
        """Tensor ()."""

    def part(self, rows: torch.Tensor) -> MeanLoss:
        """The same on some images only; ``rows`` is an int64 Tensor."""

    def __call__(self, rows: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As an `Objective`."""


@dataclass
class History:
    """What was reached, row by row.

    One row for each evaluation of the full objective (L-BFGS), each point that a working set
    started from or ended at, or each epoch (Adam).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, phase: str, objective: float, error: float | None) -> None:
        self.rows.append(
            {"phase": phase, "step": len(self.rows), "objective": objective, "error": error}
        )


def checked(value: torch.Tensor, phase: str) -> torch.Tensor:
    """A value of the objective, which must be finite."""
    if not value.isfinite():
        raise TrainingError(
            f"the objective of the {phase} became {value.item()}: lower the learning rate or the"
            " weight decay, or check the images"
        )
    return value
