"""The paper's attack: box-constrained L-BFGS on a penalised objective."""

import torch

from intriguing import checks
from intriguing.attacks import penalty_path as penalised
from intriguing.attacks.objective import contenders, target_margin
from intriguing.attacks.problems import EVERY_OTHER, Problems
from intriguing.attacks.ray import at_scale, nearest_on_ray
from intriguing.attacks.run import conduct
from intriguing.errors import AttackError

# forward passes that take the last minimiser to the boundary
TRIES = 4


def lbfgs(
    model,
    images,
    labels,
    targets,
    *,
    margin=1e-4,
    batch_size=None,
    memory_mb=1024,
    recheck="float32",
    levels=None,
    device=None,
    settings=None,
    exemplars=None,
):
    """Adversarial examples by the method of Szegedy et al. 2013, section 4.1.

    For each image the smallest c > 0 is sought whose minimiser of

        ||x - x0||^2 + c * cross_entropy(model(x), target)   subject to x in [0, 1]^n

    is classified as the target. (The target's logit enters the loss less the margin, so that a
    large margin does not drown in a saturated softmax.) The paper weighs the distortion instead
    and asks for the minimum weight, which would give the largest distortion; see `objective`. The
    minimiser found lies a little beyond the boundary, since c is known to a tolerance only; it is
    drawn back to the boundary along the line to the original.

    Parameters
    ----------
    model : Module
        In evaluation mode, deterministic, mapping (B, C, H, W) in [0, 1] to logits (B, classes).
    images : float Tensor (N, C, H, W) in [0, 1]
        Or (N, features): any shape with images along the first axis.
    labels : int Tensor (N,)
        True classes. An image that the model gets wrong is recorded and not attacked.
    targets : int Tensor (N,)
        Class to move each image to, other than its label.
    margin : float
        Least difference between the target's logit and any other for an example to count,
        checked on the float32 image evaluated alone.
    batch_size : int, optional
        Images worked on at once, at most; does not change the result beyond rounding. By default
        512 on a CPU, 1024 elsewhere.
    memory_mb : float
        Budget in MiB for working memory; fewer images are worked on at once where it asks for it.
    recheck : str
        ``float32``, or ``float64``: the margin must also hold in a double-precision copy of the
        model.
    levels : int, optional
        Round pixels to so many levels (256: 8 bits). Examples that rounding undoes are solved
        again with a larger margin.
    device : str or torch.device, optional
        Where to compute; by default where the model is. A model elsewhere is copied.
    settings : penalised.Settings, optional
        Numerical settings of the search.
    exemplars : float Tensor (M, C, H, W), optional
        An image from which the search finds nothing is searched for again from the nearest of
        these that the model gives the target class; by default the ``images`` themselves. See
        the module `exemplars`.

    Returns
    -------
    AdversarialSet
        One row an image, in order, on the device of the computation. Images without success hold
        the last candidate.

    Raises
    ------
    AttackError, ModelError
        If an image leaves the box or is not finite, a label or target is no class, a target equals
        its label, or the model is in training mode, random, or gives no finite logits.
    """
    settings = settings or penalised.Settings()
    checks.check_search(settings, penalised.Settings)
    if targets is None:
        raise AttackError(
            "lbfgs needs a target for each image: see choose_targets, or take minimum_distortion"
        )

    def from_starts(work, problems, starts=None):
        solution = penalised.solve(
            work.classifier,
            problems,
            classes=work.classes,
            settings=settings,
            batch_size=work.batch_size,
            starts=starts,
            report=work.report,
        )
        _draw_back(work, problems, solution)
        return solution

    def solve(work, originals, labels, targets, required):
        rivals = torch.full_like(targets, EVERY_OTHER)
        return from_starts(work, Problems(originals, targets, rivals, required))

    return conduct(
        *(model, images, labels, targets, solve, from_starts),
        exemplars=exemplars,
        settings={"attack": "lbfgs"},
        vectors=penalised.vectors(settings),
        margin=margin,
        batch_size=batch_size,
        memory_mb=memory_mb,
        recheck=recheck,
        levels=levels,
        device=device,
    )


def _draw_back(work, problems, solution):
    """Move what was found to the boundary, along the ray from the original."""
    for rows in solution.found.nonzero()[:, 0].split(work.batch_size):
        part = problems.take(rows)
        moves = solution.images[rows] - part.originals
        allowed = contenders(part.targets, part.rivals, work.classes, moves.dtype)
        logits = work.classifier.logits(part.originals) + allowed
        rise = part.required - target_margin(logits, part.targets)
        scale, _ = nearest_on_ray(
            *(work.classifier, part.originals, moves, part.targets, allowed),
            *(part.required, rise, TRIES),
        )
        # at most 1: the minimiser itself succeeds
        solution.images[rows] = at_scale(part.originals, moves, scale.clamp(max=1.0))
