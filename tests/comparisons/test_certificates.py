"""Certified radii against the attacks: no adversarial example lies inside."""

import dataclasses

import pytest
import torch

from intriguing.attacks import choose_targets, lbfgs, minimum_distortion
from intriguing.errors import BoundError
from intriguing.lipschitz import certified_radii, check_no_example_inside, network_bounds
from intriguing.lipschitz.bounds import Constants


@pytest.mark.parametrize("net", ["linear", "sigmoid_net", "relu_net"])
def test_no_attack_lies_inside_a_certified_radius(net, images, labels, request):
    model, images, labels = request.getfixturevalue(net), images[:60], labels[:60]
    bounds = network_bounds(model, (1, 8, 8), images[:10])
    targets = choose_targets("next", model, images, labels)
    targeted = certified_radii(model, images, labels, bounds, targets)
    untargeted = certified_radii(model, images, labels, bounds)
    # a certificate needs no more of the bounds
    constants = Constants(bounds.upper, bounds.pairwise)
    again = certified_radii(model, images, labels, constants)
    assert torch.equal(again.simple, untargeted.simple)
    assert torch.equal(again.pairwise, untargeted.pairwise)
    assert (untargeted.simple <= untargeted.pairwise * (1 + 1e-12)).all()
    assert (targeted.pairwise <= targeted.targeted).all()
    for adversarial, radii in [
        (lbfgs(model, images, labels, targets), targeted),
        (minimum_distortion(model, images, labels, targets), targeted),
        (minimum_distortion(model, images, labels), untargeted),
    ]:
        assert adversarial.success.sum() > 40
        check_no_example_inside(adversarial, images, radii)
        correct = ~adversarial.already_wrong
        assert (radii.pairwise[correct] > 0).all() and not radii.pairwise[~correct].any()
        norms = (adversarial.images - images).flatten(1).norm(dim=1).double()
        ratio = (norms / radii.pairwise)[adversarial.success]
        if net == "linear" and adversarial.settings.get("targeted") is False:
            # the certificate is exact there, but for the box and the margin
            assert ratio.min() < 1.05
        # an example that was half as far is caught, by the name of its image
        nearer = images + 0.5 * (adversarial.images - images) * (radii.pairwise / norms).view(
            -1, 1, 1, 1
        )
        moved = torch.where(adversarial.success.view(-1, 1, 1, 1), nearer.float(), images)
        moved = dataclasses.replace(adversarial, images=moved)
        names = [f"{n} of test" for n in range(len(images))]
        first = names[adversarial.success.nonzero()[0, 0]]
        with pytest.raises(BoundError, match=f"image {first} has an adversarial example"):
            check_no_example_inside(moved, images, radii, names=names)
