"""Independent answers that tests and benchmarks compare with: scipy, one image at a time."""

import numpy as np
import torch
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


def literal_lbfgs(model, image, target, margin, bisections=15):
    """The paper's method as it stands: scipy's L-BFGS-B for one c at a time, bisection on c.

    Returns the flattened image, float64.
    """
    shape = image.shape
    start = image.flatten().double().numpy()
    targets = torch.tensor([target])

    def minimiser(c):
        def objective(values):
            point = torch.from_numpy(values).float().view(1, *shape).requires_grad_(True)
            loss = torch.nn.functional.cross_entropy(model(point), targets)
            (gradient,) = torch.autograd.grad(loss, point)
            move = values - start
            slope = c * gradient.flatten().double().numpy() + 2 * move
            return c * loss.item() + move @ move, slope

        return minimize(
            objective, start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(start)
        ).x

    def succeeds(values):
        logits = model(torch.from_numpy(values).float().view(1, *shape))[0]
        others = torch.cat([logits[:target], logits[target + 1 :]])
        return (logits[target] - others.max()).item() >= margin

    low, high = 0.0, 1.0
    while not succeeds(best := minimiser(high)):
        low, high = high, 10 * high
    for _ in range(bisections):
        middle = (low + high) / 2
        if succeeds(candidate := minimiser(middle)):
            best, high = candidate, middle
        else:
            low = middle
    return best
