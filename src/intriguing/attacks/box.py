"""The box [0, 1]^n and its active set.

A projected quasi-Newton step (Bertsekas 1982, *Projected Newton methods for optimization problems
with simple constraints*) moves only the variables that the box leaves free and projects the result.
"""

import torch

LOWER, UPPER = 0.0, 1.0


def project(images):
    """Nearest point of the box; works in place and returns its argument."""
    return images.clamp_(LOWER, UPPER)


def free_variables(images, gradient):
    """Variables that a step against the gradient can move without leaving the box.

    Parameters
    ----------
    images, gradient : Tensor (B, n)
        Points inside the box and the gradient of the objective there.

    Returns
    -------
    Tensor (B, n)
        1.0 where the variable is free, 0.0 where it sits on a bound and the gradient pushes
        it outwards (the active set), in the dtype of ``images``: a factor, not a mask, since
        products are several times cheaper than masked writes.
    """
    blocked = (images <= LOWER) & (gradient > 0)
    blocked |= (images >= UPPER) & (gradient < 0)
    return torch.logical_not(blocked).to(images.dtype)
