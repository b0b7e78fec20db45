"""What the solvers are given and what they return, whatever the attack."""

from dataclasses import dataclass

import torch

EVERY_OTHER = -1


@dataclass
class Problems:
    """Images to move across a boundary: the nearest point x of the box with

        logit[target](x) - logit[k](x) >= required   for every rival k

    originals : Tensor (N, n)
        Flattened images.
    targets : int64 Tensor (N,)
    rivals : int64 Tensor (N,)
        The one class that the target has to beat, or `EVERY_OTHER`.
    required : Tensor (N,)
        Margin in logits.
    """

    originals: torch.Tensor
    targets: torch.Tensor
    rivals: torch.Tensor
    required: torch.Tensor

    def __len__(self):
        return len(self.targets)

    def take(self, rows):
        """Some of the problems (numbers or a bool mask)."""
        return Problems(*(value[rows] for value in vars(self).values()))


@dataclass
class Solution:
    """images : Tensor (N, n)
        Nearest point found that satisfies the constraints, else the last iterate.
    found : bool Tensor (N,)
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
    def empty(cls, starts):
        """Nothing found yet, at ``starts`` (N, n)."""
        options = {"device": starts.device}
        return cls(
            starts.clone(),
            torch.zeros(len(starts), dtype=torch.bool, **options),
            torch.full((len(starts),), torch.nan, dtype=starts.dtype, **options),
            torch.zeros(len(starts), dtype=torch.int64, **options),
        )

    @classmethod
    def join(cls, parts):
        """One solution of several, one after the other."""
        return cls(
            *(torch.cat(values) for values in zip(*(vars(p).values() for p in parts), strict=True))
        )

    def distances(self, originals):
        """Euclidean norm of the distortion, Tensor (N,); infinity where nothing was found."""
        norms = (self.images - originals).norm(dim=1)
        return torch.where(self.found, norms, torch.inf)

    def take(self, rows):
        """Copy of some rows (numbers)."""
        return Solution(*(value[rows] for value in vars(self).values()))

    def put(self, rows, other):
        """Write ``other`` into some rows (numbers)."""
        for name, value in vars(self).items():
            value[rows] = getattr(other, name)

    def improve(self, other, originals):
        """Take what is nearer in ``other``; evaluations add up. Return those rows (numbers).

        Where nothing is found on either side, the other's last iterate is taken.
        """
        nearer = other.distances(originals) < self.distances(originals)
        rows = (nearer | ~(self.found | other.found)).nonzero()[:, 0]
        evaluations = self.evaluations + other.evaluations
        self.put(rows, other.take(rows))
        self.evaluations = evaluations
        return rows
