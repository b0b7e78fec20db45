"""The attack on a linear model whose logits have another scale and offset, against the optimum."""

import pytest
from oracles.linear import least_distortion_linear, least_distortion_linear_untargeted
from torch import nn

from intriguing.attacks import minimum_distortion


class Affine(nn.Module):
    """The same classes from logits of another scale and offset."""

    def __init__(self, net, factor, offset):
        super().__init__()
        self.net, self.factor, self.offset = net, factor, offset

    def forward(self, x):
        return self.factor * self.net(x) + self.offset


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize(
    ("factor", "offset"),
    [(1e-8, 0.0), (1e-4, 0.0), (1e4, 0.0), (1.0, 1e2), (1.0, 1e4), (1e-2, 1e2)],
)
@pytest.mark.parametrize("margin", [0.0, 1e-3])
def test_any_scale_and_offset_of_the_logits(
    linear, images, labels, margin, factor, offset, targeted
):
    model = Affine(linear, factor, offset).eval()
    x, y = images[:30], labels[:30]
    targets = (y + 1) % 10 if targeted else None
    found = minimum_distortion(model, x, y, targets, margin=margin * factor)
    weight, bias = (p.detach().double().numpy() for p in linear[1].parameters())
    exact = least_distortion_linear if targeted else least_distortion_linear_untargeted
    classes = targets if targeted else y
    # what the rounding of the logits may add to the margin
    rounding = 40 * 2.0**-24 * abs(offset) / factor
    rows = found.attacked.nonzero()[:, 0].tolist()
    assert found.success[rows].all()
    for row in rows:
        pixels, k = x[row].flatten().double().numpy(), classes[row].item()
        least, most = (
            exact(weight, bias, pixels, k, margin + more) for more in (-rounding, rounding)
        )
        assert 0.999 * least <= (found.images[row] - x[row]).double().norm() <= 1.001 * most
