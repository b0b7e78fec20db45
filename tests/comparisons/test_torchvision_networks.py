"""torchvision's classifiers, with random weights and small images: rows and constants.

benchmarks/torchvision_networks.py has all of them at their own size.
"""

import math

import pytest
import torch
from torch import nn

from intriguing.lipschitz.graph import bound_graph
from intriguing.lipschitz.network import jacobian_norms, network_bounds
from intriguing.torchvision_import import import_torchvision

# name, size of the images, number of rows, kinds without a bound
NETWORKS = [
    ("squeezenet1_1", 32, 66, set()),
    ("shufflenet_v2_x0_5", 32, 245, set()),
    ("mobilenet_v3_small", 32, 157, {"mul"}),
    ("swin_t", 32, 161, {"shifted_window_attention", "_patch_merging_pad"}),
]


def network(name, **options):
    torch.manual_seed(0)
    return getattr(import_torchvision().models, name)(weights=None, **options).eval()


@pytest.mark.parametrize(("name", "size", "rows", "without"), NETWORKS)
def test_rows_and_constant(name, size, rows, without):
    model = network(name)
    graph = bound_graph(model, (3, size, size), compare=False, partial=True)
    assert len(graph.layers) == pytest.approx(rows, abs=8)
    assert {one.kind for one in graph.layers if one.bounds.upper == math.inf} == without
    known = [one.bounds for one in graph.layers if 0 < one.bounds.lower < math.inf]
    widths = [bounds.upper / bounds.lower for bounds in known if bounds.upper < math.inf]
    assert len(widths) > 0.8 * rows and max(widths) < 1.02
    if without:
        assert graph.constant == math.inf and "no global Lipschitz constant" in graph.reason
    else:
        images = torch.rand(1, 3, size, size)
        assert jacobian_norms(model, images).max() <= graph.constant < math.inf


def test_a_residual_network_of_ten_classes_with_its_preprocessing():
    models = import_torchvision().models
    body = network("resnet18", num_classes=10)
    body.layer2, body.layer3, body.layer4 = nn.Identity(), nn.Identity(), nn.Identity()
    body.fc = nn.Linear(64, 10)
    transforms = import_torchvision().transforms
    model = nn.Sequential(transforms.Normalize([0.5] * 3, [0.25] * 3), body).eval()
    assert isinstance(body, models.ResNet)
    bounds = network_bounds(model, (3, 32, 32), torch.rand(4, 3, 32, 32))
    assert bounds.layers["kind"].value_counts()["sum"] == 2
    assert bounds.lower <= bounds.upper < math.inf and bounds.pairwise.shape == (10, 10)
    whole = network_bounds(body.eval(), (3, 32, 32), torch.rand(1, 3, 32, 32))
    assert bounds.upper == pytest.approx(4 * whole.upper, rel=1e-6)
