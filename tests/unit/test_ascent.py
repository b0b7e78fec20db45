"""Images at which the Jacobian is larger than at those given."""

import pytest
import torch
from torch import nn

from intriguing import networks
from intriguing.lipschitz import ascent
from intriguing.lipschitz.ascent import _norms, raised_images
from intriguing.lipschitz.network import MANY_CLASSES, jacobian_norms, network_bounds


def network(activation="sigmoid"):
    torch.manual_seed(0)
    options = {"hidden": [12, 9], "activation": activation}
    return networks.build("fully_connected", (1, 4, 4), 5, **options).eval()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_the_jacobian_grows_in_the_box_and_stays_below_the_bound(activation):
    model = network(activation)
    images = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    before = jacobian_norms(model, images)
    raised = raised_images(model, images, 30, starts=6)
    after = jacobian_norms(model, raised)
    assert raised.shape == (6, 1, 4, 4) and raised.min() >= 0 and raised.max() <= 1
    assert after.max() > 1.02 * before.max()
    # no path ends below its start
    assert (after >= before.topk(6).values * (1 - 1e-5)).all()
    assert network_bounds(model, (1, 4, 4), raised).lower <= network_bounds(model, (1, 4, 4)).upper


def test_the_gradient_is_that_of_finite_differences():
    model = network().double()
    point = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(2)).double()
    _, slopes = _norms(model, point)
    for pixel in range(0, 16, 5):
        step = torch.zeros(16, dtype=torch.float64)
        step[pixel] = 1e-5
        moved = [_norms(model, point + sign * step.view(1, 1, 4, 4))[0].item() for sign in (1, -1)]
        difference = (moved[0] - moved[1]) / 2e-5
        assert slopes.flatten()[pixel].item() == pytest.approx(difference, rel=1e-4)


def test_a_piecewise_linear_network_stays_where_it_was():
    images = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5)).eval()
    raised = raised_images(model, images, 5)
    assert jacobian_norms(model, raised) == pytest.approx(jacobian_norms(model, images))


def test_paths_start_where_the_jacobian_is_largest():
    model = network()
    images = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    largest = jacobian_norms(model, images).topk(4).indices
    assert torch.equal(raised_images(model, images, 0, starts=4), images[largest])


def test_steps_that_are_too_long_lose_nothing(monkeypatch):
    monkeypatch.setattr(ascent, "LENGTH", 2.0)
    model = network()
    images = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    # sigmoids are flat far away
    model[1].weight.data *= 20
    before = jacobian_norms(model, images).topk(6).values
    raised = raised_images(model, images, 3, starts=6)
    assert (jacobian_norms(model, raised) >= before * (1 - 1e-4)).all()


def test_with_many_classes_there_are_no_images(monkeypatch):
    # second derivatives for each of them would take too long
    monkeypatch.setattr(ascent, "_norms", None)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, MANY_CLASSES + 1), nn.Tanh()).eval()
    images = torch.rand(3, 1, 4, 4)
    assert raised_images(model, images, 5).shape == (0, 1, 4, 4)
    assert raised_images(network(), images[:0], 5).shape == (0, 1, 4, 4)


def test_second_derivatives_are_taken_at_the_starts_alone(monkeypatch):
    sizes = []

    def recorded(model, points):
        sizes.append(len(points))
        return _norms(model, points)

    monkeypatch.setattr(ascent, "_norms", recorded)
    raised_images(network(), torch.rand(40, 1, 4, 4), 2, starts=5)
    assert sizes == [5, 5, 5]


def test_a_model_that_changes_its_input_in_place():
    plain = network("tanh")
    changing = nn.Sequential(nn.ReLU(inplace=True), *plain).eval()
    # away from 0, where the two models differ
    images = 0.4 + 0.2 * torch.rand(9, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    before = images.clone()
    raised = raised_images(changing, images, 3, starts=2)
    assert torch.equal(images, before)
    assert torch.allclose(raised, raised_images(plain, images, 3, starts=2))
