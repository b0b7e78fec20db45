"""Images at which the Jacobian is larger than at those given."""

import pytest
import torch
from torch import nn

from intriguing import networks
from intriguing.lipschitz.ascent import _norms, raised_images
from intriguing.lipschitz.network import jacobian_norms, network_bounds


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
