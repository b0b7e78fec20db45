"""Starts for images from which a search found nothing: images that have the target class already.

A search from the original can end where the features of the network have died and no class is
preferred: a minimum of the loss that no weight c leaves. On the segment from the original to an
image of the target class there is a point of that class next to one that is not; a search from
there finds the nearest point of its valley.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from intriguing.attacks.objective import Classifier, Constraint, target_margin
from intriguing.attacks.problems import Problems, Solution
from intriguing.attacks.ray import at_scale

# images that are looked through: at most this many, and this many bytes of them
MOST, MOST_BYTES = 4096, 1 << 28
# starts that are tried for an image
TRIES = 3
# images whose distances are taken at once
AT_ONCE = 64
# bisections of the segment: to some 1e-4 of its length
HALVINGS = 14


def most(pixels: int) -> int:
    """How many images of this many numbers are looked through, the first ones."""
    return max(1, min(MOST, MOST_BYTES // (4 * pixels)))


class Exemplars:
    """Images and the class that the model gives each.

    Parameters
    ----------
    classifier : objective.Classifier
    images : Tensor (M, n)
    batch_size : int
    """

    def __init__(self, classifier: Classifier, images: torch.Tensor, batch_size: int) -> None:
        self.classifier, self.batch_size = classifier, batch_size
        self.images = images[: most(images.shape[1])]
        logits = self._logits(self.images)
        self.number = logits.shape[1]
        self.classes = logits.argmax(1)
        self.margins = target_margin(logits, self.classes)

    def restart(
        self,
        solution: Solution,
        problems: Problems,
        solve: Callable[[Problems, torch.Tensor], Solution],
    ) -> None:
        """Search again, in place, where ``solution`` has found nothing.

        Parameters
        ----------
        solution : problems.Solution
        problems : problems.Problems
            Without a target (`problems.ANY`), any class but the rival's is aimed at.
        solve : callable
            ``solve(problems, starts)`` gives a Solution.
        """
        missing = ~solution.found
        for rank in range(TRIES):
            rows = missing.nonzero()[:, 0]
            if not len(rows):
                break
            exemplars, targets = self._nearest(problems.take(rows), rank)
            rows, exemplars = rows[targets >= 0], exemplars[targets >= 0]
            if not len(rows):
                break
            part = problems.take(rows)
            part.targets = targets[targets >= 0]
            here = solution.take(rows)
            here.improve(solve(part, self._boundary(part, exemplars)), part.originals)
            solution.put(rows, here)
            missing[rows[here.found]] = False

    def _nearest(self, problems: Problems, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The exemplar of that rank by distance for each problem, and its class or -1."""
        chosen = torch.empty_like(problems.originals)
        targets = torch.full_like(problems.targets, -1)
        for row in range(len(problems)):
            wanted, rival = problems.targets[row], problems.rivals[row]
            suitable = self.classes == wanted if wanted >= 0 else self.classes != rival
            suitable = suitable & (self.margins >= 2 * problems.required[row])
            numbers = suitable.nonzero()[:, 0]
            if len(numbers) <= rank:
                continue
            distances = torch.cat(
                [
                    (self.images[some] - problems.originals[row]).double().square().sum(1)
                    for some in numbers.split(AT_ONCE)
                ]
            )
            nearest = numbers[distances.argsort(stable=True)[rank]]
            chosen[row], targets[row] = self.images[nearest], self.classes[nearest]
        return chosen, targets

    def _boundary(self, problems: Problems, exemplars: torch.Tensor) -> torch.Tensor:
        """Points of the target's class on the segments to the exemplars, next to its boundary."""
        low = torch.zeros_like(problems.required)
        high = torch.ones_like(low)
        moves = exemplars - problems.originals
        constraint = Constraint.of(problems, self.number)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            logits = self._logits(at_scale(problems.originals, moves, middle))
            reached = constraint.margin(logits) >= problems.required
            high, low = torch.where(reached, middle, high), torch.where(reached, low, middle)
        return at_scale(problems.originals, moves, high)

    def _logits(self, points: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.classifier.logits(part) for part in points.split(self.batch_size)])
