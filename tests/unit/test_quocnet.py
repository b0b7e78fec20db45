import math

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from intriguing.errors import ModelError, TrainingError
from intriguing.lipschitz import layer_bounds, network_bounds
from intriguing.networks.local_layers import L2Pool2d, LocallyConnected2d
from intriguing.networks.quocnet import QuocNet
from intriguing.report.filters import concentration, filter_figure
from intriguing.training.minimisers import Adam, Lbfgs
from intriguing.training.objective import History
from intriguing.training.reconstruction import LocalAutoencoder, ReconstructionTica

SMALL = {"fields": [3, 2], "maps": [2, 3], "pool": 2}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def learned(digits):
    torch.manual_seed(0)
    model = QuocNet((1, 8, 8), 2)
    history = History()
    settings = ReconstructionTica(method=Adam(epochs=4, batch_size=50, learning_rate=5e-3))
    settings.fit(model, digits.train_images, 0, history)
    return model.eval().requires_grad_(False), history


@pytest.mark.parametrize(
    ("shape", "features"),
    [((1, 28, 28), 4 * 4), ((3, 32, 32), 6 * 6), ((1, 8, 8), 3 * 3)],
)
def test_defaults_fit_the_size(shape, features):
    model = QuocNet(shape, 2)
    images = torch.rand(3, *shape)
    maps = model.stacks[-1].filters.output_shape[0]
    assert model.encode(images).shape == (3, maps * features)
    assert torch.equal(model(images), model.classifier(model.encode(images)))
    # no decoder, and no constants, in what is saved
    names = {name for name, _ in model.named_parameters()}
    assert set(model.state_dict()) == names
    assert len(names) == len(model.stacks) + 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fields": [8, 8], "strides": [2, 2]}, "pool is 3 in stack 2, whose maps are 2x2"),
        ({"fields": [8, 12]}, "fields is 12 in stack 2, whose maps are 11x11"),
        ({"fields": [33, 2]}, "fields is 33 in stack 1"),
        ({"maps": [8]}, "give one number for each"),
        ({"fields": []}, "positive whole numbers"),
        ({"strides": [2, 0]}, "strides is .* positive whole numbers"),
        ({"pool": 2.5}, "pool is 2.5"),
        ({"contrast": 2}, "give an odd size"),
        ({"epsilon": 0.0}, "epsilon 0.0"),
    ],
)
def test_what_cannot_be_built(options, words):
    with pytest.raises(ModelError, match=words):
        QuocNet((3, 32, 32), 2, **options)


def test_objective_is_that_of_the_paper():
    # equation 1 of Le et al. 2012, with dense matrices
    filters, pool = LocallyConnected2d((2, 5, 5), 3, 3, 1), L2Pool2d(2)
    code = LocalAutoencoder(filters)
    code.encoder.data = torch.randn_like(code.encoder)
    images = torch.rand(4, 2, 5, 5)
    encoder, decoder = (np.zeros((3, 3, 3, 2, 5, 5)) for _ in range(2))
    for row, column, k in np.ndindex(3, 3, 3):
        place = (slice(None), slice(row, row + 3), slice(column, column + 3))
        encoder[k, row, column][place] = code.encoder[row, column, k].detach().numpy()
        atom = code.decoder[row, column, k].detach().numpy()
        decoder[k, row, column][place] = atom / math.sqrt((atom**2).sum())
    total = 0.0
    for x in images.double().numpy().reshape(4, -1):
        codes = encoder.reshape(27, -1) @ x
        total += ((decoder.reshape(27, -1).T @ codes - x) ** 2).sum()
        squares = codes.reshape(3, 3, 3) ** 2
        for k, i, j in np.ndindex(3, 2, 2):
            total += 0.7 * math.sqrt(0.05 + squares[k, i : i + 2, j : j + 2].sum())
    found = code.objective(images, pool, 0.7, 0.05).item()
    assert found == pytest.approx(total / 4, rel=1e-5)


def test_scale_cannot_move_into_the_decoder():
    filters, pool = LocallyConnected2d((1, 5, 5), 2, 3, 1), L2Pool2d(2)
    code = LocalAutoencoder(filters)
    code.encoder.data = torch.randn_like(code.encoder)
    images = torch.rand(3, 1, 5, 5)
    before = code.objective(images, pool, 1.0, 0.01).item()
    code.decoder.data *= 1000
    after = code.objective(images, pool, 1.0, 0.01).item()
    assert after == pytest.approx(before, rel=1e-5)


def test_every_stack_learns(learned, digits):
    model, history = learned
    for phase in ("stack 1", "stack 2"):
        values = [row["objective"] for row in history.rows if row["phase"] == phase]
        assert len(values) == 4 and values[-1] < 0.99 * values[0]
    for stack in model.stacks:
        assert stack.filters.weight.square().sum((3, 4, 5)).gt(0).all()
    assert model.encode(digits.test_images[:5]).isfinite().all()


def test_the_same_seed_gives_the_same_filters(digits):
    def weights(seed):
        torch.manual_seed(1)
        model = QuocNet((1, 8, 8), 2, **SMALL)
        settings = ReconstructionTica(method=Adam(epochs=1))
        settings.fit(model, digits.train_images[:200], seed, History())
        return model.stacks[1].filters.weight

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_lbfgs_trains_too(digits):
    model, history = QuocNet((1, 8, 8), 2, **SMALL), History()
    settings = ReconstructionTica(sparsity=[0.5, 2.0], method=Lbfgs(iterations=10))
    settings.fit(model, digits.train_images[:100], 0, history)
    values = [row["objective"] for row in history.rows if row["phase"] == "stack 2"]
    assert values[-1] < values[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sparsity": -1.0}, "at least 0"),
        ({"sparsity": [1.0, 1.0, 1.0]}, "for 2 stacks"),
        ({"epsilon": 0.0}, "epsilon is 0.0: give a positive number"),
    ],
)
def test_settings_without_sense(options, words, digits):
    model = QuocNet((1, 8, 8), 2, **SMALL)
    with pytest.raises(TrainingError, match=words):
        ReconstructionTica(**options).fit(model, digits.train_images, 0, History())


def test_bounds_hold_on_learned_filters(learned, digits):
    model, _ = learned
    table = layer_bounds(model, (1, 8, 8))
    assert list(table["kind"]) == ["LCN", *["local", "L2 pool", "LCN"] * 2, "reshape", "FC"]
    bounds = network_bounds(model, (1, 8, 8))
    product = math.prod(table["upper"])
    largest = 0.0
    for image in digits.test_images[:20]:
        matrix = torch.autograd.functional.jacobian(lambda x: model(x[None])[0], image)
        largest = max(largest, torch.linalg.matrix_norm(matrix.reshape(2, -1), 2).item())
    assert 0 < largest <= bounds.upper <= product * (1 + 1e-9)


def test_raw_pixels():
    model = QuocNet((3, 12, 12), 2, **SMALL, input_contrast=0).eval()
    images = torch.rand(2, 3, 12, 12)
    assert torch.equal(model.encode(images), model.stacks(images).flatten(1))
    assert layer_bounds(model, (3, 12, 12))["kind"][0] == "local"


def test_concentration():
    random = np.random.default_rng(0).normal(size=(200, 1, 8, 8))
    spot, grating = np.zeros((1, 1, 8, 8)), np.zeros((1, 1, 8, 8))
    spot[..., 2:4, 3:5] = 1
    grating[:] = np.cos(2 * np.pi * np.arange(8) / 4)
    assert concentration(spot)[0] == 1 and concentration(spot)[1] == pytest.approx(0, abs=1e-9)
    assert concentration(grating)[0] == pytest.approx(0.25)
    assert concentration(grating)[1] == pytest.approx(1)
    space, orientation = concentration(random)
    assert 0.25 < space < 0.45 and orientation < 0.2


def test_figure_of_filters(learned, tmp_path):
    model, _ = learned
    weights = model.stacks[0].filters.weight.numpy()
    initial = QuocNet((1, 8, 8), 2).stacks[0].filters.weight.detach().numpy()
    for name in ("first.png", "second.png"):
        filter_figure(weights, initial, tmp_path / name, title="digits")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    assert imread(tmp_path / "first.png").std() > 0.05
