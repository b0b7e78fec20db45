"""The layers of traced models, bounds of whole networks, and certificates."""

import copy
import itertools
import math
import re

import pytest
import torch
from torch import nn

from intriguing import networks
from intriguing.attacks.noise import noise_tolerance
from intriguing.errors import BoundError, IntriguingError, ModelError, UnknownLayerError
from intriguing.lipschitz import (
    Bounds,
    certified_radii,
    layer_bounds,
    network_bounds,
    register,
)
from intriguing.lipschitz import layers as known_layers
from intriguing.lipschitz.graph import bound_graph
from intriguing.lipschitz.network import jacobian_norms
from intriguing.networks import kinds
from intriguing.torchvision_import import import_torchvision


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Residual(nn.Module):
    """Preprocessing, functions in place of modules, a residual block, two pools."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.last = nn.Linear(6 * 9, 4)
        self.register_buffer("mean", torch.rand(3, 1, 1))
        self.register_buffer("deviation", torch.rand(3, 1, 1) + 0.2)

    def forward(self, x):
        x = (x - self.mean) / self.deviation
        x = torch.relu(self.first(x))
        x = x + torch.relu(self.norm(self.second(x)))
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        x = nn.functional.avg_pool2d(x, kernel_size=2, stride=1)
        return self.last(x.view(x.shape[0], -1))


def furthest_apart(model, shape):
    """Largest ratio of distances that random pairs of images show."""
    first = torch.rand(200, *shape)
    second = first + 0.01 * torch.randn_like(first)
    moved = (model(first) - model(second)).norm(dim=1)
    return (moved / (first - second).flatten(1).norm(dim=1)).max().item()


def test_layers_of_a_residual_net():
    model = Residual().eval()
    table = layer_bounds(model, (3, 8, 8)).set_index("layer")
    kinds = "scale,Conv,ReLU,Conv,batch norm,ReLU,sum,max-pool,average pool,reshape,FC"
    assert list(table["kind"]) == kinds.split(",")
    assert table.loc["Conv2", "input"] == "6×8×8" and table.loc["Conv2", "weight"] == "6×6×3×3"
    assert table.loc["Conv2", "stride"] == 1
    assert table.loc["scale1", "upper"] == pytest.approx(1 / model.deviation.min().item(), rel=1e-6)
    assert table.loc["max-pool1", "upper"] == 2 and table.loc["max-pool1", "paper"] == 1
    assert (table["lower"] <= table["upper"]).all()
    bounds = network_bounds(model, (3, 8, 8))
    parts = table["upper"]
    block = 1 + parts["Conv2"] * parts["batch norm1"]
    product = parts["scale1"] * parts["Conv1"] * block * 2 * parts["average pool1"] * parts["FC1"]
    assert bounds.product == pytest.approx(product, rel=1e-6)
    # the mean over overlapping windows is 1 for the paper, as the maximum is
    assert bounds.paper < bounds.product
    assert bounds.eclipse is None
    assert furthest_apart(model, (3, 8, 8)) <= bounds.upper
    assert bounds.lower <= bounds.upper


class Odd(nn.Module):
    """Twice the same module, a concatenation, a constant minus the image."""

    def __init__(self):
        super().__init__()
        self.same = nn.Linear(8, 8, bias=False)
        self.last = nn.Linear(16, 3, bias=False)

    def forward(self, x):
        x = 2 * self.same(self.same(x))
        return self.last(torch.cat([1 - x, x.flatten(1)], 1))


def test_composition_against_the_exact_norm_of_a_linear_net():
    model = Odd().eval()
    matrix = torch.autograd.functional.jacobian(lambda x: model(x[None])[0], torch.zeros(8))
    exact = torch.linalg.matrix_norm(matrix.double(), 2).item()
    bounds = network_bounds(model, (8,))
    assert exact <= bounds.upper
    assert bounds.lower == pytest.approx(exact, rel=1e-5)
    same = torch.linalg.matrix_norm(model.same.weight, 2).item()
    last = torch.linalg.matrix_norm(model.last.weight, 2).item()
    assert bounds.product == pytest.approx(2 * same**2 * math.sqrt(2) * last, rel=1e-5)


ACTIVATIONS = [
    *(nn.GELU(), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.SELU(), nn.ELU(2.0), nn.Softplus()),
    *(nn.LeakyReLU(0.4), nn.LeakyReLU(-0.5), nn.LeakyReLU(-3.0), nn.LeakyReLU(0.99), nn.PReLU()),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("hidden", [[9], [12, 7]])
def test_dense_nets_of_activations_that_fall_or_are_steep(activation, hidden):
    sizes = [16, *hidden, 5]
    layers = [nn.Linear(*pair) for pair in itertools.pairwise(sizes)]
    parts = [part for layer in layers for part in (layer, activation)][:-1]
    model = nn.Sequential(nn.Flatten(), *parts).eval()
    bounds = network_bounds(model, (1, 4, 4))
    assert bounds.upper == bounds.multipliers <= bounds.eclipse <= bounds.product * (1 + 1e-7)
    for scale in (0.3, 1.0, 4.0):
        for image in scale * torch.randn(30, 1, 1, 4, 4).double():
            jacobian = torch.autograd.functional.jacobian(model.double(), image).view(5, 16)
            assert torch.linalg.matrix_norm(jacobian, 2) <= bounds.upper * (1 + 1e-9)
            assert (torch.cdist(jacobian, jacobian) <= bounds.pairwise * (1 + 1e-9)).all()
    model.float()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_dense_nets(activation):
    for hidden in ([9], [12, 7], [20, 20, 20]):
        model = networks.build(
            "fully_connected", (1, 4, 4), 5, hidden=hidden, activation=activation
        ).eval()
        bounds = network_bounds(model, (1, 4, 4))
        assert bounds.upper == bounds.multipliers <= bounds.eclipse
        assert bounds.eclipse <= bounds.product * (1 + 1e-7)
        assert bounds.lower <= bounds.upper
        # pairs: against what random images show, the exact last layer, and all logits together
        assert (bounds.pairwise <= math.sqrt(2) * bounds.upper * (1 + 1e-9)).all()
        for image in torch.rand(20, 1, 1, 4, 4).double():
            jacobian = torch.autograd.functional.jacobian(model.double(), image).view(5, 16)
            assert (torch.cdist(jacobian, jacobian) <= bounds.pairwise * (1 + 1e-9)).all()
        model.float()


def test_a_softmax_layer_is_exact():
    model = networks.build("softmax", (1, 4, 4), 5).eval()
    bounds = network_bounds(model, (1, 4, 4))
    weight = model[1].weight.detach().double()
    assert bounds.upper == pytest.approx(torch.linalg.matrix_norm(weight, 2).item(), rel=1e-7)
    assert bounds.lower == pytest.approx(bounds.upper, rel=1e-6)
    exact = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.allclose(bounds.pairwise, exact)


def test_a_dead_layer():
    model = networks.build("fully_connected", (1, 4, 4), 3, hidden=[6, 6]).eval()
    nn.init.zeros_(model[3].weight)
    bounds = network_bounds(model, (1, 4, 4))
    assert bounds.upper == bounds.lower == 0
    assert not bounds.pairwise.any()


def test_many_classes_by_lanczos():
    model = networks.build("fully_connected", (1, 5, 5), 80, hidden=[30]).eval()
    image = torch.rand(1, 1, 5, 5)
    jacobian = torch.autograd.functional.jacobian(model, image).view(80, 25)
    exact = torch.linalg.matrix_norm(jacobian, 2).item()
    assert 0.95 * exact <= jacobian_norms(model, image).item() <= exact * (1 + 1e-5)


class Written(nn.Module):
    """A model whose forward pass is given, with two dense layers and two pointwise convolutions."""

    def __init__(self, forward):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.narrow, self.wide = nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 1, bias=False)
        self.narrow.weight.data.fill_(1.0)
        self.wide.weight.data.fill_(10.0)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.steep = nn.Hardswish(inplace=True)
        self.register_buffer("colours", torch.ones(3, 1, 1))
        self.written = forward
        self.eval()

    def forward(self, x):
        return self.written(self, x)


def dead_layer(m, x):
    kept = m.b(torch.relu(m.a(x)))
    m.a(kept)
    return kept


def added_by_name(m, x):
    return torch.add(m.narrow(x), other=m.wide(x))


def added_in_place(m, x):
    kept = m.narrow(x)
    kept.add_(m.wide(x))
    return kept


def changed_by_a_module(m, x):
    kept = m.narrow(x)
    return m.steep(kept) + kept


def added_to_an_alias(m, x):
    kept = m.narrow(x)
    alias = kept.view(kept.shape)
    kept += m.wide(x)
    return alias


def checked(m, x):
    assert x.dim() == 4 and x.shape[1] == 1 and x.shape[1:] == (1, 4, 4), "N x 1 x 4 x 4"
    if x.dtype != torch.float64 and not x.is_floating_point():
        raise TypeError
    n, c, h, w = x.shape
    return m.wide(x).reshape(n, c * h * w) if len(x.shape) == 4 and x.size(0) == n else x


def by_loops_over_shapes(m, x):
    rows = [m.a(x[:, number]) for number in range(x.shape[1])]
    return torch.stack(rows, 1).view(len(x), -1)


def with_new_tensors(m, x):
    return m.a(x) + x.new_ones(4) - torch.zeros_like(x) * 2


@pytest.mark.parametrize(
    ("forward", "shape"),
    [
        (dead_layer, (4,)),
        (lambda m, x: m.b(torch.relu(m.a(x)).transpose(1, 2)), (4, 4)),
        (lambda m, x: m.b(torch.relu(m.a(x)).view(-1, 4)), (4,)),
        (lambda m, x: x + m.pool(x), (2, 4, 4)),
        (lambda m, x: x - m.colours, (1, 3, 3)),
        (lambda m, x: x / m.colours, (1, 3, 3)),
        (lambda m, x: x * torch.ones(1, 8), (1,)),
        (lambda m, x: 0.5 * (1 - x)[:, :2], (4,)),
        (lambda m, x: m.b(m.a(x))[:, ..., 1:], (4,)),
        (lambda m, x: torch.cat([x, x, x], 1), (4,)),
        (lambda m, x: m.wide(x) - m.narrow(x), (1, 3, 3)),
        (lambda m, x: m.b(torch.relu(m.a(x)) + m.a(x)), (4,)),
        (checked, (1, 4, 4)),
        (by_loops_over_shapes, (3, 4)),
        (with_new_tensors, (4,)),
        (lambda m, x: m.narrow(x.clone().sub_(0.5).div_(0.25)), (1, 3, 3)),
        (lambda m, x: m.steep(m.wide(x)), (1, 3, 3)),
        (lambda m, x, factor=3.0, *, shift=None: factor * m.a(x), (4,)),
    ],
)
def test_odd_forward_passes_are_bounded(forward, shape):
    for seed in range(5):
        torch.manual_seed(seed)
        model = Written(forward)
        bounds = network_bounds(model, shape, torch.rand(5, *shape))
        for point in torch.randn(20, 1, *shape):
            jacobian = torch.autograd.functional.jacobian(model, point)
            matrix = jacobian.reshape(-1, point.numel()).double()
            assert torch.linalg.matrix_norm(matrix, 2) <= bounds.upper * (1 + 1e-6)


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (added_by_name, "with these arguments"),
        (added_in_place, "in-place operation add_ .*changes a value that is used elsewhere"),
        (added_to_an_alias, "in-place operation iadd .*changes a value that is used elsewhere"),
        (changed_by_a_module, "in-place operation steep .*changes a value that is used elsewhere"),
        (lambda m, x: x[:, [0, 0]], "indexing by a list"),
        (lambda m, x: m.narrow(x[0]), "indexing along the batch"),
        (lambda m, x: torch.div(x, 2.0, rounding_mode="floor"), "with these arguments"),
        (lambda m, x: torch.add(x, x, alpha=3), "with these arguments"),
        (lambda m, x: 1 / (1 + x), "the quotient truediv: .*the slope in one grows with the other"),
        (
            lambda m, x: x * x.mean((1, 2, 3), keepdim=True),
            "the product mul: .*the slope in one grows with the other",
        ),
        (lambda m, x: x @ x, "the operation matmul .*the slope in one grows"),
        (lambda m, x: x.exp(), "the operation exp .*its slope grows without limit"),
        (lambda m, x: x.double().float(), "changes the type"),
        (lambda m, x: x if x.max() > 0.5 else -x, "control flow depends on the values"),
        (lambda m, x: x * float(x.sum()), "control flow depends on the values"),
        (lambda m, x: (x, x), "the model gives a tuple"),
        (lambda m, x: torch.ones(1, 3), "do not depend on the image"),
        (lambda m, x: nn.functional.lp_pool2d(x, 2, 2, ceil_mode=True), "no bound for"),
        (lambda m, x: m.pool(x.flatten(2)), "give it batches"),
    ],
)
def test_what_could_be_anything_is_refused(forward, words):
    with pytest.raises(BoundError, match=words):
        layer_bounds(Written(forward), (1, 3, 3))


def test_hooks_are_refused():
    model = nn.Sequential(nn.Linear(4, 3)).eval()
    model[0].register_forward_hook(lambda module, inputs, output: 10 * output)
    with pytest.raises(BoundError, match="0 has hooks"):
        layer_bounds(model, (4,))


@pytest.mark.parametrize("scales", [(1e38, 1e-38), (1e-38, 1e38), (1e-30, 1e-30)])
def test_dense_nets_of_extreme_scales(scales):
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    for layer, scale in ((first, scales[0]), (second, scales[1])):
        layer.weight.data.fill_(scale)
    bounds = network_bounds(nn.Sequential(first, nn.ReLU(), second).eval(), (1,))
    exact = first.weight.double().item() * second.weight.double().item()
    assert exact <= bounds.eclipse <= exact * (1 + 1e-6)


def test_images_that_do_not_fit(linear, images, labels):
    bounds = network_bounds(linear, (1, 8, 8))
    for wrong, words in [
        (images.flatten(1), "for an input_shape of"),
        (images.numpy(), "give a floating-point torch.Tensor"),
        (images * torch.nan, "hold NaN or infinity"),
    ]:
        with pytest.raises(BoundError, match=words):
            network_bounds(linear, (1, 8, 8), wrong)
    other = network_bounds(networks.build("softmax", (1, 8, 8), 3).eval(), (1, 8, 8))
    for arguments, words in [
        ((images, labels[:3], bounds), "label"),
        ((images, labels + 10, bounds), "is not a valid class"),
        ((images.numpy(), labels, bounds), "images must be a torch.Tensor"),
        ((images, labels, 3.0), "give what network_bounds returned"),
        ((images, labels, other), "a network of 3 classes, but the model has 10"),
    ]:
        with pytest.raises(IntriguingError, match=words):
            certified_radii(linear, *arguments)


def test_radii_of_logits_that_cancel():
    model = nn.Sequential(nn.Linear(1, 2)).eval()
    model[0].weight.data[:] = torch.tensor([[1.0], [-1.0]])
    model[0].bias.data.fill_(1e12)
    bounds = network_bounds(model, (1,))
    radii = certified_radii(model, torch.full((1, 1), 0.3), torch.tensor([0]), bounds)
    assert radii.pairwise.item() <= 0.3
    with pytest.raises(BoundError, match="training mode"):
        certified_radii(model.train(), torch.full((1, 1), 0.3), torch.tensor([0]), bounds)


class Tripling(nn.Module):
    def forward(self, x):
        return 3 * torch.where(x > 0, x, 0.5 * x)


@pytest.fixture
def own_kinds(monkeypatch):
    """What a test registers is forgotten afterwards."""
    monkeypatch.setattr(known_layers, "_KINDS", dict(known_layers._KINDS))
    monkeypatch.setattr(kinds, "NAMES", dict(kinds.NAMES))


def test_a_custom_layer(own_kinds):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), Tripling(), nn.Linear(8, 3)).eval()
    with pytest.raises(BoundError, match=r"the operation gt .*it jumps"):
        layer_bounds(model, (1, 4, 4))

    @register(Tripling)
    def _(module, input_shape, compare):
        assert input_shape == (8,)
        return Bounds.exactly(3.0)

    table = layer_bounds(model, (1, 4, 4))
    assert list(table["layer"]) == ["reshape1", "FC1", "Tripling1", "FC2"]
    bounds = network_bounds(model, (1, 4, 4))
    assert bounds.upper == pytest.approx(table["upper"].prod(), rel=1e-6)
    with pytest.raises(BoundError, match="register the layer's class"):
        register(Tripling())
    with pytest.raises(BoundError, match=r"take \(module, input_shape, compare\)"):
        register(Tripling)(lambda module, input_shape: Bounds.exactly(3.0))
    for wrong in (3.0, Bounds(2.0, 1.0), Bounds.exactly(math.nan)):
        register(Tripling)(lambda module, input_shape, compare, wrong=wrong: wrong)
        with pytest.raises(BoundError, match="layer 2: the bound of Tripling is"):
            layer_bounds(model, (1, 4, 4))
    register(Tripling)(lambda module, input_shape, compare: Bounds.exactly(1e-3))
    with pytest.raises(BoundError, match="correct the bounds that you registered"):
        network_bounds(model, (1, 4, 4))


def test_a_layer_registered_by_name(own_kinds):
    model = nn.Sequential(Tripling()).eval()
    register(f"{__name__}:Tripling", "times three")(lambda *arguments: Bounds.exactly(3.0))
    table = layer_bounds(model, (8,))
    assert list(table["layer"]) == ["times three1"] and list(table["upper"]) == [3]
    # the class itself takes precedence
    register(Tripling)(lambda *arguments: Bounds.exactly(4.0))
    assert list(layer_bounds(model, (8,))["upper"]) == [4]
    for wrong in ("Tripling", "nets:", ":Tripling"):
        with pytest.raises(BoundError, match="does not name a layer"):
            register(wrong)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Squaring(nn.Module):
    def forward(self, x):
        return x.flatten(1) * x.flatten(1)


@pytest.mark.parametrize(
    ("model", "shape", "words"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).train(), (1, 4, 4), r"call model\.eval\(\)"),
        (nn.Sequential(nn.CosineSimilarity()), (4,), "does not take images of"),
        (nn.Sequential(nn.Fold(2, 1)), (4, 4), r"no bound for layer 0 \(Fold\): register one"),
        (nn.Sequential(nn.GLU()), (4,), r"layer 0 \(GLU\): a product .*global Lipschitz constant"),
        (nn.Sequential(nn.Hardshrink()), (4,), r"layer 0 \(Hardshrink\): it jumps"),
        (nn.Sequential(nn.Softplus(threshold=1)), (4,), "jumps at the threshold"),
        (nn.Sequential(nn.Threshold(0.5, 3.0)), (4,), "jumps"),
        (nn.Sequential(nn.LayerNorm(4, eps=0)), (4,), "epsilon"),
        (Branching(), (4,), "cannot be traced .*register"),
        (Squaring(), (4,), "product or quotient of two values"),
        (nn.Sequential(nn.Linear(16, 3)), (15,), "does not take images of"),
        (nn.Sequential(nn.Linear(16, 3)), 16, "input_shape is 16"),
        (nn.Sequential(nn.Linear(16, 3)).double(), (16,), r"call model\.float\(\)"),
        (nn.Sequential(nn.Conv2d(1, 1, 3)), (1, 2, 2), "does not take images of"),
        (torch.relu, (4,), "give a torch.nn.Module"),
    ],
)
def test_models_without_bounds(model, shape, words):
    if isinstance(model, nn.Module) and "eval" not in words:
        model.eval()
    with pytest.raises(BoundError, match=words):
        layer_bounds(model, shape)


class Inside(nn.Module):
    """A known network with something between its layers."""

    def __init__(self, between):
        super().__init__()
        self.first, self.between, self.last = nn.Linear(4, 6), between, nn.Linear(6, 3)

    def forward(self, x):
        return self.last(self.between(torch.relu(self.first(x))))


class Attention(nn.Module):
    def forward(self, x):
        weights = (x[:, :, None] * x[:, None]).softmax(2)
        return (weights @ x[:, :, None])[:, :, 0]


class InPlace(nn.Module):
    def forward(self, x):
        kept = x + 1.0
        return kept.clamp_(min=0.0) + kept


@pytest.mark.parametrize(
    ("between", "unknown", "words"),
    [
        (nn.Hardshrink(), ["Hardshrink1"], r"layer between \(Hardshrink\)"),
        (Attention(), ["mul1", "matmul1"], "the product mul"),
        (InPlace(), [], "in-place operation clamp_"),
        (Branching(), [], "cannot be traced"),
    ],
)
def test_partial_bounds_of_a_network_with_an_unknown_part(between, unknown, words):
    model = Inside(between).eval()
    with pytest.raises(UnknownLayerError, match=words):
        network_bounds(model, (4,))
    bounds = network_bounds(model, (4,), partial=True, lipsdp=True)
    assert re.search(words, bounds.reason)
    assert bounds.upper == bounds.product == bounds.paper == math.inf
    assert bounds.pairwise is None and bounds.eclipse is None and bounds.lipsdp is None
    assert 0 < bounds.lower < math.inf
    rows = bounds.layers.set_index("layer")
    assert list(rows.index[rows["upper"] == math.inf]) == unknown
    for name, layer in {"FC1": model.first, "FC2": model.last}.items():
        alone = layer_bounds(nn.Sequential(layer).eval(), (layer.in_features,)).iloc[0]
        assert rows["lower"][name] == alone["lower"] and rows["upper"][name] == alone["upper"]


def test_a_known_network_has_the_same_bounds_in_part():
    model = small_alexnet().eval()
    whole, part = (network_bounds(model, (3, 32, 32), partial=partial) for partial in (False, True))
    assert part.reason == "" and part.upper == whole.upper and part.lower == whole.lower
    assert torch.equal(part.pairwise, whole.pairwise)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_network_on_a_gpu_has_the_same_bounds():
    model = small_alexnet().eval()
    here, there = (network_bounds(m, (3, 32, 32)) for m in (model, copy.deepcopy(model).cuda()))
    assert there.upper == here.upper and there.lower == here.lower
    assert torch.equal(there.pairwise, here.pairwise)


def test_nan_weights_are_named():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).eval()
    model[1].weight.data[0, 0] = torch.nan
    with pytest.raises(BoundError, match="layer 1: the weights hold NaN"):
        layer_bounds(model, (1, 4, 4))


def small_alexnet():
    """Strides, groups, overlapping pools, LRN and dropout at a size for tests."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2),
        nn.ReLU(),
        nn.LocalResponseNorm(5, 5e-4, k=2.0),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(8, 12, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(48, 20),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(20, 5),
    ).eval()


def test_every_layer_of_an_alexnet():
    model = small_alexnet()
    table = layer_bounds(model, (3, 32, 32)).set_index("layer")
    assert table.loc["Conv2", "weight"] == "12×4×3×3"
    assert list(table.loc[["max-pool1", "max-pool2"], "upper"]) == [2, 2]
    assert table.loc["LRN1", "lower"] == pytest.approx(2**-0.75)
    for name, width in [("Conv1", 1.01), ("Conv2", 1.01), ("FC1", 1 + 1e-6), ("FC2", 1 + 1e-6)]:
        assert table.loc[name, "upper"] <= width * table.loc[name, "lower"]
    assert table.loc["Conv1", "paper_as_printed"] == pytest.approx(table.loc["Conv1", "paper"] / 2)
    bounds = network_bounds(model, (3, 32, 32))
    # two pools that the paper takes as 1, in place of 2
    assert bounds.product > 3.9 * bounds.paper * (bounds.product < 4 * bounds.paper * 1.02)
    assert furthest_apart(model, (3, 32, 32)) <= bounds.upper


def test_alexnet_is_the_one_of_2012():
    with torch.device("meta"):  # sizes only
        model = networks.build("alexnet", (3, 227, 227), 1000).eval()
        ungrouped = networks.build("alexnet", (3, 227, 227), 1000, grouped=False)
        assert model(torch.rand(1, 3, 227, 227)).shape == (1, 1000)
    # the number of parameters that is known for the two-group network
    assert sum(p.numel() for p in model.parameters()) == 60_965_224
    assert model.fc6.in_features == 9216
    assert ungrouped.conv4.weight.shape == (384, 384, 3, 3)
    with pytest.raises(ModelError, match="227×227 for the published sizes"):
        networks.build("alexnet", (3, 32, 32), 10)
    theirs = networks.build("torchvision_alexnet", (3, 224, 224), 1000)
    assert theirs.features[0].weight.shape == (64, 3, 11, 11)
    # normalised inside, as its published weights expect, under torchvision's names
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    torchvision = import_torchvision()
    plain = torchvision.models.alexnet(num_classes=1000).eval()
    plain.load_state_dict(theirs.state_dict())
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        torch.testing.assert_close(theirs.eval()(images), plain(normalise(images)))
    with pytest.raises(ModelError, match=r"cannot be built with .nonsense"):
        networks.build("torchvision_alexnet", (3, 224, 224), 1000, weights="nonsense")


def test_noise_tolerance(linear, images, labels):
    right = linear(images).argmax(1) == labels
    tolerated = noise_tolerance(linear, images[right], labels[right])
    assert ((tolerated > 1e-3) & (tolerated <= 10)).all()
    # the class holds just below and is lost at the deviation that is returned
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(images[right].shape, generator=generator)
    noise /= noise.flatten(1).square().mean(1).sqrt().view(-1, 1, 1, 1)
    at = tolerated.float().view(-1, 1, 1, 1)
    found = tolerated < 10
    assert (linear(images[right] + at * noise).argmax(1) != labels[right])[found].all()
    assert (linear(images[right] + 0.95 * at * noise).argmax(1) == labels[right]).all()


def test_the_model_is_not_changed():
    model = Residual().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    bound_graph(model, (3, 8, 8))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not model.training
