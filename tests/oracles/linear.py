"""Least distortion of a linear classifier, and projections on half-spaces: convex problems."""

import numpy as np
from scipy.optimize import minimize


def least_distortion_linear(weight, bias, image, target, margin):
    """Exact least |r|_2 that gives ``target`` a linear classifier's largest logit by ``margin``.

    The problem min |r|^2, A (x0 + r) >= b, x0 + r in [0, 1]^n is convex. Its dual has one
    multiplier for each other class: the inner minimum over the box is x = clip(x0 + A'm / 2). Weak
    duality makes every dual value a lower bound on the squared distortion.
    """
    others = [k for k in range(len(bias)) if k != target]
    rows = weight[target] - weight[others]
    bounds = margin - (bias[target] - bias[others])

    def negative_dual(multipliers):
        x = np.clip(image + rows.T @ multipliers / 2, 0, 1)
        slack = bounds - rows @ x
        return -(((x - image) ** 2).sum() + multipliers @ slack), -slack

    result = minimize(
        negative_dual,
        np.zeros(len(others)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * len(others),
        options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 20},
    )
    return np.sqrt(max(0.0, -result.fun))


def least_distortion_linear_untargeted(weight, bias, image, label, margin):
    """Exact least |r|_2 after which some class beats the label by ``margin``: the best pair."""
    norms = []
    for k in range(len(bias)):
        if k != label:
            normal = (weight[k] - weight[label])[None]
            offset = np.array([margin - (bias[k] - bias[label])])
            nearest = nearest_point_dual(image, normal, offset)
            if normal[0] @ nearest >= offset[0] - 1e-6:
                norms.append(np.linalg.norm(nearest - image))
    return min(norms)


def nearest_point_dual(point, normals, offsets):
    """Projection of a point on {y in [0, 1]^n: normals y >= offsets}, by scipy on the dual."""

    def negative_dual(multipliers):
        y = np.clip(point + normals.T @ multipliers, 0, 1)
        slack = offsets - normals @ y
        return -(((y - point) ** 2).sum() / 2 + multipliers @ slack), -slack

    result = minimize(
        negative_dual,
        np.zeros(len(offsets)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * len(offsets),
        options={"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 20},
    )
    return np.clip(point + normals.T @ result.x, 0, 1)
