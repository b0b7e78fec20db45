"""What the solvers are given and what they return, whatever the attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from intriguing.attacks.batching import Rows

# among the rivals: all classes but the target; among the targets: any class but the rival
EVERY_OTHER = -1
ANY = -1


@dataclass(eq=False, repr=False)
class Problems:
    """Images to move across a boundary: the nearest point x of the box with

        logit[target](x) - logit[k](x) >= required   for every rival k

    Parameters
    ----------
    originals : Tensor (N, n)
        Flattened images.
    targets : int64 Tensor (N,)
        The class to reach, or `ANY`.
    rivals : int64 Tensor (N,)
        The one class that the target has to beat, or `EVERY_OTHER`.
    required : Tensor (N,)
        Margin in logits.
    """

    originals: torch.Tensor
    targets: torch.Tensor
    rivals: torch.Tensor
    required: torch.Tensor

    @classmethod
    def targeted(
        cls, originals: torch.Tensor, targets: torch.Tensor, required: torch.Tensor
    ) -> Problems:
        """Problems of reaching the target, whatever the class of the original."""
        return cls(originals, targets, torch.full_like(targets, EVERY_OTHER), required)

    @classmethod
    def untargeted(
        cls, originals: torch.Tensor, labels: torch.Tensor, required: torch.Tensor
    ) -> Problems:
        """Problems of reaching any class but the label."""
        return cls(originals, torch.full_like(labels, ANY), labels, required)

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: torch.Tensor | slice) -> Problems:
        """Some of the problems (numbers, a bool mask or a slice)."""
        return Problems(
            originals=self.originals[rows],
            targets=self.targets[rows],
            rivals=self.rivals[rows],
            required=self.required[rows],
        )


@dataclass(eq=False, repr=False)
class Solution(Rows):
    """What a solver found for N problems.

    Parameters
    ----------
    images : Tensor (N, n)
        Nearest point found that satisfies the constraints, else the last iterate.
    found : bool Tensor (N,)
        Whether there is such a point.
    loss_weight : Tensor (N,)
        c of the point found; NaN where nothing was found or the method has none.
    evaluations : int64 Tensor (N,)
        Gradients of one logit combination for one image.
    """

    images: torch.Tensor
    found: torch.Tensor
    loss_weight: torch.Tensor
    evaluations: torch.Tensor

    @classmethod
    def empty(cls, starts: torch.Tensor) -> Solution:
        """Nothing found yet, at ``starts`` (N, n)."""
        number, device = len(starts), starts.device
        return cls(
            images=starts.clone(),
            found=torch.zeros(number, dtype=torch.bool, device=device),
            loss_weight=torch.full((number,), torch.nan, dtype=starts.dtype, device=device),
            evaluations=torch.zeros(number, dtype=torch.int64, device=device),
        )

    @classmethod
    def join(cls, parts: Sequence[Solution]) -> Solution:
        """One solution of several, one after the other."""
        return cls(
            images=torch.cat([part.images for part in parts]),
            found=torch.cat([part.found for part in parts]),
            loss_weight=torch.cat([part.loss_weight for part in parts]),
            evaluations=torch.cat([part.evaluations for part in parts]),
        )

    def distances(self, originals: torch.Tensor) -> torch.Tensor:
        """Euclidean norm of the distortion, Tensor (N,); infinity where nothing was found."""
        norms = (self.images - originals).norm(dim=1)
        return torch.where(self.found, norms, torch.inf)

    def take(self, rows: torch.Tensor) -> Solution:
        """Copy of some rows (numbers)."""
        return Solution(
            images=self.images[rows],
            found=self.found[rows],
            loss_weight=self.loss_weight[rows],
            evaluations=self.evaluations[rows],
        )

    def improve(self, other: Solution, originals: torch.Tensor) -> torch.Tensor:
        """Take what is nearer in ``other``; evaluations add up. Return those rows (numbers).

        Where nothing is found on either side, the other's last iterate is taken.
        """
        nearer = other.distances(originals) < self.distances(originals)
        rows = (nearer | ~(self.found | other.found)).nonzero()[:, 0]
        evaluations = self.evaluations + other.evaluations
        self.put(rows, other.take(rows))
        self.evaluations = evaluations
        return rows
