"""The BFGS update with dense matrices."""

import numpy as np


def dense_bfgs_direction(steps, changes, gradient):
    """-H g with H from the textbook update (Nocedal & Wright 6.17), started at I / 2."""
    n = len(gradient)
    inverse_hessian = np.eye(n) / 2
    for s, y in zip(steps, changes, strict=True):
        if s @ y <= 0:  # cut to the free variables, a pair can lose its curvature
            continue
        rho = 1 / (s @ y)
        left = np.eye(n) - rho * np.outer(s, y)
        inverse_hessian = left @ inverse_hessian @ left.T + rho * np.outer(s, s)
    return -inverse_hessian @ gradient
