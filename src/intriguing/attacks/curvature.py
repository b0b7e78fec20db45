"""Limited-memory BFGS for a batch: every row has curvature pairs of its own.

Nocedal & Wright, *Numerical Optimization* (2nd ed.), algorithm 7.4 (two-loop recursion), with two
changes that the attack needs:

- The memory keeps s and the difference of the *loss* gradient. The objective is
  ``||x - x0||^2 + c * loss``, so y = 2 s + c * dg holds for every c: pairs survive a change of c.
- Inner products run over the free variables only, so that the step is a quasi-Newton step on the
  face of the box on which the image lies.
"""

import torch


class CurvatureMemory:
    """Curvature pairs (s, dg) of the last ``size`` accepted steps of each row.

    Parameters
    ----------
    rows, variables : int
        Batch size B and number of pixels n.
    size : int
        Pairs kept per row (m in Nocedal & Wright).
    """

    # a pair counts only with curvature s'y above this fraction of |s| |y| (Nocedal & Wright 6.2)
    LEAST_CURVATURE = 1e-6

    def __init__(self, rows, variables, size, *, dtype, device):
        options = {"dtype": dtype, "device": device}
        self.steps = torch.zeros(size, rows, variables, **options)
        self.changes = torch.zeros(size, rows, variables, **options)
        self.newest = -1

    @property
    def size(self):
        return len(self.steps)

    def push(self, steps, changes, accepted):
        """Store the pair of every row whose step was accepted; others keep their older pair.

        The slot is common to the batch, so a row that skipped a turn sees its pairs in another
        order than they came. Any order gives a valid BFGS matrix.
        """
        self.newest = (self.newest + 1) % self.size
        keep = accepted[:, None]
        torch.where(keep, steps, self.steps[self.newest], out=self.steps[self.newest])
        torch.where(keep, changes, self.changes[self.newest], out=self.changes[self.newest])

    def forget(self, rows):
        """Clear the memory of some rows (Tensor of row numbers): new images took their place."""
        self.steps[:, rows] = 0
        self.changes[:, rows] = 0

    def select(self, rows):
        """Keep only some rows (Tensor of row numbers)."""
        self.steps = self.steps[:, rows]
        self.changes = self.changes[:, rows]

    def direction(self, gradient, free, loss_weight):
        """Quasi-Newton descent direction on the free variables, Tensor (B, n).

        Parameters
        ----------
        gradient, free : Tensor (B, n)
            Gradient of the objective and the factor of `box.free_variables`.
        loss_weight : Tensor (B,)
            The present c of each row.
        """
        direction = gradient * free
        weight = loss_weight[:, None]
        pairs = []
        for age in range(self.size):
            slot = (self.newest - age) % self.size
            steps = self.steps[slot] * free
            changes = torch.addcmul(2 * steps, weight * free, self.changes[slot])
            curvature = _dot(steps, changes)
            squared_steps, squared_changes = _dot(steps, steps), _dot(changes, changes)
            bound = self.LEAST_CURVATURE * (squared_steps * squared_changes).sqrt()
            inverse = torch.where(curvature > bound, 1 / curvature, 0)
            scale = inverse * _dot(steps, direction)
            direction.addcmul_(scale[:, None], changes, value=-1)
            pairs.append((steps, changes, inverse, scale))
        # The Hessian is 2 I plus a matrix of low rank (at most classes - 1 for a linear model)
        # plus network curvature: 1/2 is exact off its range, where a scale s'y / y'y is not.
        direction *= 0.5
        for steps, changes, inverse, scale in reversed(pairs):
            correction = scale - inverse * _dot(changes, direction)
            direction.addcmul_(correction[:, None], steps)
        return direction.neg_()


def _dot(left, right):
    # a row product; torch.bmm of matrix-vector shapes is several times slower on a CPU
    return (left * right).sum(1)
