"""The method of Szegedy et al. 2013 as it is written: one image and one weight c at a time."""

import torch
from scipy.optimize import minimize


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
