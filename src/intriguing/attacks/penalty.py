"""The paper's attack: box-constrained L-BFGS on a penalised objective."""

import torch

from intriguing.attacks import engine, inputs
from intriguing.attacks.adversarial_set import AdversarialSet, root_mean_square
from intriguing.attacks.recheck import correct_alone, margins_alone
from intriguing.progress import Progress

# margins asked of the search beyond the required one, as a share of the largest logit: batches
# and single images differ by a few roundings (2^-23 each); the later ones are for the stragglers
_SLACKS = (1e-5, 1e-4, 1e-3)


def lbfgs(
    model,
    images,
    labels,
    targets,
    *,
    margin=1e-4,
    batch_size=512,
    settings=None,
):
    """Adversarial examples by the method of Szegedy et al. 2013, section 4.1.

    For each image the smallest c > 0 is sought whose minimiser of

        ||x - x0||^2 + c * cross_entropy(model(x), target)   subject to x in [0, 1]^n

    is classified as the target. The paper weighs the distortion instead and asks for the
    minimum weight, which would give the largest distortion; see `objective`.

    Parameters
    ----------
    model : Module
        In evaluation mode, deterministic, mapping (B, C, H, W) in [0, 1] to logits (B, classes).
        Images are processed on its device.
    images : float Tensor (N, C, H, W) in [0, 1]
    labels : int Tensor (N,)
        True classes. An image that the model gets wrong is recorded and not attacked.
    targets : int Tensor (N,)
        Class to move each image to, other than its label.
    margin : float
        Least difference between the target's logit and any other for an example to count,
        checked on the float32 image evaluated alone.
    batch_size : int
        Images worked on at once: bounds the memory, hardly changes the result.
    settings : engine.Settings, optional
        Numerical settings of the search.

    Returns
    -------
    AdversarialSet
        One row an image, in order, on the model's device. Images without success hold the last
        candidate.

    Raises
    ------
    AttackError, ModelError
        If an image leaves the box or is not finite, a label or target is no class, a target equals
        its label, or the model is in training mode, random, or gives no finite logits.
    """
    settings = settings or engine.Settings()
    inputs.check_settings(margin, batch_size)
    inputs.check_images(images, labels)
    device = inputs.device_of(model, images)
    images, labels = images.detach().to(device).float(), labels.to(device).long()
    number = len(images)
    result = AdversarialSet(
        images=images.clone(),
        distortion=torch.zeros(number, dtype=torch.float64, device=device),
        success=torch.zeros(number, dtype=torch.bool, device=device),
        already_wrong=torch.zeros(number, dtype=torch.bool, device=device),
        labels=labels,
        targets=labels.clone(),  # until the model has told its number of classes
        loss_weight=torch.full((number,), torch.nan, dtype=torch.float64, device=device),
        evaluations=torch.zeros(number, dtype=torch.int64, device=device),
        settings={"attack": "lbfgs", "margin": margin},
    )
    if not number:
        return result
    classes = inputs.check_model(model, images)
    inputs.check_classes(labels, classes, "label")
    result.targets = inputs.checked_targets(targets, labels, classes)

    result.already_wrong = ~correct_alone(model, images, labels)
    waiting = result.attacked.nonzero()[:, 0]
    with Progress("attacking", len(waiting), "images") as progress:
        for slack in _SLACKS:
            if not len(waiting):
                break
            asked = _asked_margin(model, images[waiting], margin, slack, batch_size)
            waiting = _attack(model, images, result, waiting, asked, settings, batch_size, progress)
    result.distortion = root_mean_square(result.images - images)
    return result


@torch.no_grad()
def _asked_margin(model, images, margin, slack, batch_size):
    scale = torch.cat([model(part).abs().amax(1) for part in images.split(batch_size)])
    return margin + slack * scale.clamp(min=1.0)


def _attack(model, images, result, rows, asked, settings, batch_size, progress):
    """Attack some rows, record them in ``result``, return those worth another try."""
    solution = engine.solve(
        model,
        images[rows].flatten(1),
        result.targets[rows],
        asked,
        shape=images.shape[1:],
        settings=settings,
        batch_size=batch_size,
        report=progress.advance,
    )
    found = solution.images.view(-1, *images.shape[1:])
    result.images[rows] = found
    result.evaluations[rows] += solution.evaluations
    result.loss_weight[rows] = solution.loss_weight.double()
    alone = margins_alone(model, found, result.targets[rows]) >= result.settings["margin"]
    result.success[rows] = solution.found & alone
    # found in the batch but not alone: rounding; a larger margin may do
    again = rows[solution.found & ~alone]
    result.loss_weight[again] = torch.nan
    return again
