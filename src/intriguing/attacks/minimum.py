"""The least distortion that changes the class: ends on the margin constraint itself."""

import torch

from intriguing import checks
from intriguing.attacks import boundary as polish
from intriguing.attacks import targeted, untargeted
from intriguing.attacks.problems import EVERY_OTHER, Problems
from intriguing.attacks.run import conduct


def minimum_distortion(
    model,
    images,
    labels,
    targets=None,
    *,
    margin=1e-4,
    candidates=3,
    batch_size=None,
    memory_mb=1024,
    recheck="float32",
    levels=None,
    device=None,
    settings=None,
    exemplars=None,
):
    """Nearest image of the box that the model gives another class, by the required margin.

        min ||x - x0||   subject to   logit[target] - logit[k] >= margin,  x in [0, 1]^n

    for all classes k; untargeted, for some target and k = label.

    Targeted, a rough run of the paper's method (`lbfgs`) finds the valley, and a sequential
    projection on the linearised margins (`polish`) its lowest point. Untargeted, the same
    projection starts at the image itself, once for each of the classes whose linearised boundary
    with the label is nearest; the nearest result counts. On a linear classifier both are exact; on
    others the result is a local minimum.

    Parameters
    ----------
    model, images, labels, margin, batch_size, memory_mb, recheck, levels, device
        As in `lbfgs`.
    targets : int Tensor (N,), optional
        Class to move each image to; None: any but the label.
    candidates : int
        Untargeted: classes that are tried at most.
    settings : polish.Settings, optional
        Numerical settings of the polish.
    exemplars : float Tensor (M, C, H, W), optional
        As in `lbfgs`; untargeted, those of any other class.

    Returns
    -------
    AdversarialSet
        ``targets`` are the classes reached; ``loss_weight`` is NaN, since there is no c.

    Raises
    ------
    AttackError, ModelError
        As in `lbfgs`.
    """
    settings = settings or polish.Settings()
    checks.check_search(settings, polish.Settings)
    checks.check_count("candidates", candidates)

    def solve(work, originals, labels, targets, required):
        if targets is not None:
            rivals = torch.full_like(targets, EVERY_OTHER)
            problems = Problems(originals, targets, rivals, required)
            return targeted.solve(work, problems, settings, work.report)
        return untargeted.solve(work, originals, labels, required, candidates, settings)

    def from_starts(work, problems, starts):
        solution = targeted.polished(work, problems, starts, settings)
        if targets is None:
            untargeted.refine_overtaken(work, problems, solution, settings)
        return solution

    return conduct(
        *(model, images, labels, targets, solve, from_starts),
        exemplars=exemplars,
        settings={"attack": "minimum_distortion", "targeted": targets is not None}
        | ({"candidates": candidates} if targets is None else {}),
        vectors=targeted.vectors(),
        margin=margin,
        batch_size=batch_size,
        memory_mb=memory_mb,
        recheck=recheck,
        levels=levels,
        device=device,
    )
