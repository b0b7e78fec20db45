"""Units and directions: layers by name, families, top images, measures, effects."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score
from torch import nn

from intriguing import networks
from intriguing.errors import UnitsError
from intriguing.lipschitz.network import layer_bounds
from intriguing.networks.tracing import named_layers
from intriguing.units import families
from intriguing.units.effects import Effect, compare, correct
from intriguing.units.families import FAMILIES, chosen_units, describe, directions, rotated_units
from intriguing.units.measures import best_class, coherence
from intriguing.units.recorded import activations, layer_names
from intriguing.units.top import leading, scores, top_images


class Branches(nn.Module):
    """Functions, a sum, a concatenation, a part, a factor, and a layer that is used twice."""

    def __init__(self):
        super().__init__()
        self.stem, self.act = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()
        self.side, self.last = nn.Conv2d(4, 4, 1), nn.Linear(8 * 3 * 3, 3)

    def forward(self, x):
        x = self.act(self.stem(x))
        x = x + self.act(self.side(x))
        x = torch.nn.functional.max_pool2d(x, 2)
        x = torch.cat([x, 0.5 * x], 1)
        return self.last(torch.flatten(x, 1))


NETWORKS = {
    "branches": (Branches, (1, 6, 6)),
    "quocnet": (lambda: networks.build("quocnet", (1, 12, 12), 2), (1, 12, 12)),
    "alexnet_style": (lambda: networks.build("alexnet_style", (1, 12, 12), 10), (1, 12, 12)),
    "one layer": (lambda: nn.Conv2d(1, 2, 3), (1, 5, 5)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_have_the_names_of_the_table_of_bounds(name):
    build, shape = NETWORKS[name]
    model = build().eval()
    table = layer_bounds(model, shape, compare=False)
    traced, nodes = named_layers(model)
    assert list(nodes) == table["layer"].tolist()
    modules = dict(traced.named_modules())
    paths = [str(node.target) if node.op == "call_module" else node.name for node in nodes.values()]
    if name != "one layer":  # which is put into a chain to be traced
        assert paths == table["name"].tolist()
    assert len(modules) > 1 and layer_names(model) == ["input", *nodes]


def test_activations_are_what_the_layer_gives():
    torch.manual_seed(0)
    model = Branches().eval()
    images = torch.rand(7, 1, 6, 6)
    expected = {"input": images.reshape(7, 1, 36)}
    stem = model.stem(images)
    relu = stem.relu()
    summed = relu + model.side(relu).relu()
    pooled = torch.nn.functional.max_pool2d(summed, 2)
    for layer, values in (("Conv1", stem), ("ReLU1", relu), ("sum1", summed), ("side", None)):
        values = model.side(relu) if values is None else values
        expected[layer] = values.flatten(2).transpose(1, 2)
    expected["max-pool1"] = pooled.flatten(2).transpose(1, 2)
    expected["FC1"] = model(images)[:, None]
    for layer, values in expected.items():
        recorded = activations(model, images, layer)
        assert (recorded.units, recorded.positions) == (values.shape[2], values.shape[1])
        torch.testing.assert_close(torch.cat(list(recorded)), values)
    separate = activations(model, images, "max-pool1", positions="separate")
    torch.testing.assert_close(torch.cat(list(separate)), pooled.reshape(7, 1, -1))


def test_a_model_that_cannot_be_traced_is_watched():
    class Untraceable(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.unused, self.last = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(3, 2)

        def forward(self, x):
            x = self.first(x.flatten(1))
            return self.last(x) if x.sum() > -1e9 else x

    model, images = Untraceable().eval(), torch.rand(5, 1, 2, 2)
    assert layer_names(model) == ["input", "first", "unused", "last"]
    (batch,) = activations(model, images, "first")
    torch.testing.assert_close(batch[:, 0], model.first(images.flatten(1)))
    assert not model.first._forward_hooks
    with pytest.raises(UnitsError, match="does not run unused"):
        activations(model, images, "unused")


def test_batches_do_not_matter(monkeypatch):
    from intriguing.units import recorded

    torch.manual_seed(1)
    model, images = Branches().eval(), torch.rand(9, 1, 6, 6)
    whole = activations(model, images, "sum1")
    layer = describe(whole)
    vectors = directions("gaussian", layer, number=4)
    expected = scores(whole, vectors)
    monkeypatch.setattr(recorded, "NUMBERS", 300)
    parts = activations(model, images, "sum1")
    assert len(list(parts)) > 2
    torch.testing.assert_close(scores(parts, vectors), expected)
    torch.testing.assert_close(describe(parts).mean, layer.mean)
    torch.testing.assert_close(describe(parts).deviation, layer.deviation)


def test_statistics_of_a_layer():
    torch.manual_seed(2)
    model, images = Branches().eval(), torch.rand(30, 1, 6, 6)
    recorded = activations(model, images, "sum1")
    values = torch.cat(list(recorded)).flatten(0, 1).double()
    layer = describe(recorded)
    torch.testing.assert_close(layer.mean, values.mean(0))
    torch.testing.assert_close(layer.deviation, values.std(0, correction=0))


def pixels(number, side, seed=0):
    return torch.rand(number, 1, 1, side, generator=torch.Generator().manual_seed(seed))


IDENTITY = nn.Sequential(nn.Flatten(), nn.Identity()).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family):
    images = pixels(300, 8)
    images[..., 5] = 0.25  # a unit that is not live
    layer = describe(activations(IDENTITY, images, "input"))
    vectors = directions(family, layer, number=6, seed=3)
    assert vectors.shape == (6, 8) and (vectors[:, 5] == 0).all()
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(6))
    assert torch.equal(vectors, directions(family, layer, number=6, seed=3))
    gram = vectors.double() @ vectors.double().T
    eye = torch.eye(6, dtype=torch.float64)
    flat = images.flatten(1).double()
    if family in ("units", "units_negative", "orthonormal"):
        torch.testing.assert_close(gram, eye, atol=1e-6, rtol=0)
    if family == "units":
        assert vectors.argmax(1).tolist() == list(chosen_units(layer, number=6, seed=3))
    if family == "gaussian_without_mean":
        assert (vectors.double() @ flat.mean(0)).abs().max() < 1e-6 + 0.25 * 1e-6
    if family == "gaussian":
        assert (vectors[:, layer.live] < 0).float().mean() > 0.2
    if family == "principal":
        variance = ((flat - flat.mean(0)) @ vectors.double().T).var(0)
        assert (variance[::2].diff() <= 1e-9).all()
        largest = torch.linalg.svdvals(flat - flat.mean(0))[0] ** 2 / 299
        assert variance[0] == pytest.approx(largest.item(), rel=1e-5)
        assert torch.equal(vectors[::2], -vectors[1::2])


def test_standardised_directions_are_even_over_standardised_units():
    # the third hardly changes, and must not drown the others
    images = pixels(400, 6) * torch.tensor([1.0, 0.05, 1e-9, 0.1, 1, 1])
    layer = describe(activations(IDENTITY, images, "input"))
    vectors = directions("gaussian_standardised", layer, number=6, seed=0)
    spread = vectors.double() * layer.deviation
    shares = (spread / spread.norm(dim=1, keepdim=True)).square().mean(0)
    assert shares[2] < 1e-6 and shares[[0, 1, 3, 4, 5]].min() > 0.02 and shares.max() < 0.6


def test_random_directions_are_even():
    layer = describe(activations(IDENTITY, pixels(50, 300), "input"))
    for family in ("gaussian", "orthonormal"):
        components = directions(family, layer, number=300)
        assert components.mean().abs() < 5 / 300**1.5
        assert components.var().item() == pytest.approx(1 / 300, rel=0.02)
        # normal, not of one size
        assert (components**4).mean().item() == pytest.approx(3 / 300**2, rel=0.1)


def test_leading_components_of_a_wide_layer(monkeypatch):
    generator = torch.Generator().manual_seed(2)
    spread = 1 / torch.arange(1, 61).sqrt()
    images = (torch.randn(500, 60, generator=generator) * spread)[:, None, None]
    layer = describe(activations(IDENTITY, images, "input"))
    exact = directions("principal", layer, number=20)
    monkeypatch.setattr(families, "WIDE", 30)
    near = directions("principal", layer, number=20)
    assert (exact * near).sum(1).min() > 0.95


def test_positions_are_drawn_anywhere():
    # only the middle column of a map says anything
    images = torch.zeros(40, 1, 8, 8)
    images[:, :, :, 4] = torch.rand(40, 1, 8, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False)).eval()
    layer = describe(activations(model, images, "Conv1"))
    assert layer.points.shape == (160, 3)
    assert 5 < (layer.points != 0).any(1).sum() < 40


def test_units_that_say_nothing_or_the_same_take_no_part():
    images = pixels(60, 6)
    images[..., 2] = images[..., 0]
    images[..., 4] = 0.5
    layer = describe(activations(IDENTITY, images, "input"))
    assert layer.live.tolist() == [0, 1, 3, 5]
    # a channel that depends on the position alone
    model = nn.Conv2d(1, 2, 3, padding=1).eval()
    with torch.no_grad():
        model.weight[1] = 0
    padded = nn.Sequential(model, nn.Conv2d(2, 2, 3, padding=1, bias=False)).eval()
    with torch.no_grad():
        padded[1].weight[1, 0] = 0
    maps = torch.rand(20, 1, 5, 5)
    with pytest.raises(UnitsError, match="1 of 2 units of layer Conv2 are the same for all images"):
        describe(activations(padded, maps, "Conv2"))


def test_kmeans_finds_clusters():
    generator = torch.Generator().manual_seed(0)
    centres = torch.eye(3)
    images = centres.repeat_interleave(200, 0) + 0.05 * torch.randn(600, 3, generator=generator)
    layer = describe(activations(IDENTITY, images[:, None, None], "input"))
    vectors = directions("kmeans", layer, number=3, seed=1)
    expected = nn.functional.normalize(centres - centres.mean(0), dim=1)
    assert (vectors @ expected.T).amax(0).min() > 0.99


def test_centring_does_not_change_which_images_excite():
    images = pixels(200, 6)
    recorded = activations(IDENTITY, images, "input")
    vectors = directions("gaussian", describe(recorded), number=6)
    centred = images - images.mean(0)
    found = [
        leading(scores(activations(IDENTITY, x, "input"), vectors), 5).indices
        for x in (images, centred)
    ]
    assert torch.equal(*found)


def test_units_turn_towards_random_directions():
    side, found = 30, []
    layer = describe(activations(IDENTITY, pixels(50, side), "input"))
    for seed in range(40):
        quarter = rotated_units(layer, 90, number=side, seed=seed)
        assert quarter.diagonal().abs().max() < 1e-6
        found.append(quarter)
    stacked = torch.stack(found)
    # off the diagonal each component has mean 0 and variance 1 / 29, whatever the seed draws
    off = stacked[:, ~torch.eye(side, dtype=torch.bool)]
    assert off.mean(0).abs().max() < 6 * (1 / 29 / 40) ** 0.5
    assert off.var().item() == pytest.approx(1 / 29, rel=0.02)
    # more than one component, so that no direction is another unit
    assert stacked.abs().amax(2).max() < 0.9


@pytest.mark.parametrize("side", [8, 7])
def test_rotated_units(side):
    layer = describe(activations(IDENTITY, pixels(50, side), "input"))
    for degrees in (0, 30, 90):
        vectors = rotated_units(layer, degrees, number=side, seed=5).double()
        gram = vectors @ vectors.T
        torch.testing.assert_close(gram, torch.eye(side).double(), atol=1e-6, rtol=0)
        if side % 2 == 0:
            expected = torch.full((side,), math.cos(math.radians(degrees))).double()
            torch.testing.assert_close(vectors.diagonal(), expected, atol=1e-6, rtol=0)
    # of some of the units, towards directions that have nothing of any of these
    plain, some, quarter = (
        rotated_units(layer, degrees, number=3, seed=5).double() for degrees in (0, 30, 90)
    )
    assert torch.equal(plain.argmax(1), torch.tensor(chosen_units(layer, number=3, seed=5)))
    assert quarter[:, plain.argmax(1)].abs().max() < 1e-15
    expected = math.cos(math.radians(30)) * plain + 0.5 * quarter
    torch.testing.assert_close(some, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(quarter @ quarter.T, torch.eye(3).double(), atol=1e-6, rtol=0)


def test_top_images_against_sorting():
    torch.manual_seed(3)
    model, images = Branches().eval(), torch.rand(40, 1, 6, 6)
    vectors = torch.randn(5, 4)
    top = top_images(model, images, "sum1", vectors, k=6)
    values = torch.cat(list(activations(model, images, "sum1"))) @ vectors.T
    best = values.amax(1).T
    expected = best.argsort(dim=1, descending=True, stable=True)[:, :6]
    assert torch.equal(top.indices, expected)
    torch.testing.assert_close(top.scores, best.gather(1, expected))
    torch.testing.assert_close(top.mean, best.mean(1))
    torch.testing.assert_close(top.deviation, best.std(1, correction=0))
    units = top_images(model, images, "sum1", k=6)
    assert torch.equal(
        units.indices,
        leading(torch.cat(list(activations(model, images, "sum1"))).amax(1).T, 6).indices,
    )


def test_ties_are_in_order_and_reported():
    scored = torch.tensor([[0.0, 1, 0, 2, 0, 1], [0, 1, 0, 2, 0, 3], [5, 5, 5, 1, 0, 0]])
    top = leading(scored, 3)
    assert top.indices.tolist() == [[3, 1, 5], [5, 3, 1], [0, 1, 2]]
    assert top.tied.tolist() == [False, False, False]
    assert leading(scored, 4).tied.tolist() == [True, True, False]
    assert leading(scored, 4).indices.tolist() == [[3, 1, 5, 0], [5, 3, 1, 0], [0, 1, 2, 3]]


def test_coherence_against_brute_force():
    generator = torch.Generator().manual_seed(4)
    labels = torch.randint(3, 9, (50,), generator=generator)
    view = torch.rand(50, 2, 3, generator=generator)
    indices = torch.stack([torch.randperm(50, generator=generator)[:7] for _ in range(4)])
    table = coherence(indices, labels, pixels=view)
    centred = (view.flatten(1) - view.flatten(1).mean(0)).double()
    for row, chosen in zip(table.itertuples(), indices, strict=True):
        counts = torch.bincount(labels[chosen])
        assert row.purity == pytest.approx(counts.max().item() / 7)
        assert counts[table["class"][row.Index]] == counts.max()
        assert row.entropy == pytest.approx(stats.entropy(counts.numpy(), base=2))
        pairs = [
            nn.functional.cosine_similarity(centred[i], centred[j], dim=0).item()
            for i, j in itertools.combinations(chosen.tolist(), 2)
        ]
        assert row.pixels == pytest.approx(np.mean(pairs), abs=1e-6)


def test_best_class_against_scikit_learn():
    generator = torch.Generator().manual_seed(5)
    labels = torch.randint(0, 4, (60,), generator=generator)
    scored = torch.rand(5, 60, generator=generator)
    scored[2:] = (6 * scored[2:]).round()  # with ties
    scored[4] = 1.0
    areas = [
        max(roc_auc_score(labels.numpy() == label, row.numpy()) for label in range(4))
        for row in scored
    ]
    np.testing.assert_allclose(best_class(scored, labels).numpy(), areas)


def detectors(classes=8, number=640):
    """Images with a pixel for each class, and noise: each unit detects one class."""
    generator = torch.Generator().manual_seed(6)
    labels = torch.arange(number) % classes
    images = torch.rand(number, classes, generator=generator) * 0.5
    images[torch.arange(number), labels] += 2.0
    return images[:, None, None], labels


def purity_at(images, labels, layer, degrees):
    vectors = rotated_units(layer, degrees, number=len(layer.live), seed=0)
    top = leading(scores(activations(IDENTITY, images, "input"), vectors), 10)
    return coherence(top.indices, labels)["purity"]


def test_units_that_detect_classes_are_pure_and_rotation_destroys_it():
    images, labels = detectors()
    # classes that the directions mix: a direction sees the two with its largest components
    images = images + 0.8 * torch.rand(images.shape, generator=torch.Generator().manual_seed(1))
    layer = describe(activations(IDENTITY, images, "input"))
    pure, turned = (purity_at(images, labels, layer, degrees) for degrees in (0, 90))
    assert (pure == 1).all()
    effect = compare([pure], [turned])
    assert turned.mean() < 0.95 and effect.verdict() == "units larger"


def test_activations_without_preferred_axes_give_equivalence():
    # normal with covariance 1: all directions are alike by construction, labels depend on the angle
    generator = torch.Generator().manual_seed(7)
    images = torch.randn(3000, 1, 1, 400, generator=generator)
    labels = (images[:, 0, 0] @ torch.randn(400, 10, generator=generator)).argmax(1)
    recorded = activations(IDENTITY, images, "input")
    layer = describe(recorded)
    values = [
        coherence(leading(scores(recorded, vectors), 10).indices, labels)["purity"]
        for vectors in (
            directions("units", layer, number=400),
            directions("gaussian", layer, number=400),
        )
    ]
    effect = compare([values[0]], [values[1]], margin=0.2)
    assert effect.verdict() == "equivalent"


def test_shuffled_activations_are_at_chance():
    images, labels = detectors()
    generator = np.random.default_rng(0)
    scored = torch.from_numpy(generator.permuted(np.tile(images.flatten(1).T, (50, 1)), axis=1))
    purity = coherence(leading(scored, 10).indices, labels)["purity"]
    chance = [
        np.bincount(generator.choice(labels.numpy(), 10, replace=False)).max() / 10
        for _ in range(4000)
    ]
    error = np.std(chance) / math.sqrt(len(purity))
    assert abs(purity.mean() - np.mean(chance)) < 4 * error


def test_cliffs_delta_against_brute_force():
    generator = np.random.default_rng(1)
    first, second = generator.integers(0, 6, 30), generator.integers(1, 8, 20)
    pairs = [np.sign(a - b) for a in first for b in second]
    assert compare([first], [second], repeats=50).delta == pytest.approx(np.mean(pairs))
    # two seeds weigh the same
    other = compare([second], [first], repeats=50).delta
    both = compare([first, second], [second, first], repeats=50).delta
    assert other == pytest.approx(-np.mean(pairs)) and both == pytest.approx(0, abs=1e-12)


def test_interval_against_scipys_bootstrap():
    generator = np.random.default_rng(2)
    first, second = generator.normal(0.5, 1, 40), generator.normal(0, 1, 50)

    def delta(a, b, axis=-1):
        return np.sign(a[..., :, None] - b[..., None, :]).mean((-1, -2))

    found = compare([first], [second])
    expected = stats.bootstrap(
        (first, second), delta, method="percentile", n_resamples=4000, random_state=3
    ).confidence_interval
    assert found.low == pytest.approx(expected.low, abs=0.02)
    assert found.high == pytest.approx(expected.high, abs=0.02)


def test_p_values_against_others():
    second = stats.norm.ppf((np.arange(40) + 0.5) / 40)
    first = second + 0.4
    found = compare([first], [second])
    # of the rank-sum test, two-sided
    assert found.difference == pytest.approx(stats.mannwhitneyu(first, second).pvalue, abs=0.015)
    assert 0.01 < found.difference < 0.2
    # the larger of two one-sided p-values, by the normal approximation with the interval's width
    error = (found.high - found.low) / (2 * 1.96)
    sides = [stats.norm.sf((0.5 + sign * found.delta) / error) for sign in (1, -1)]
    wide = compare([first], [second], margin=0.5)
    assert wide.equivalence == pytest.approx(max(sides), abs=0.02)


def test_several_networks_against_students_t():
    # equal values in each network, so that all the spread is between networks
    units, others = [[2.0] * 8, [1.0] * 8, [2.0] * 8], [[1.0] * 8] * 3
    found = compare(units, others, repeats=200_000)
    expected = stats.ttest_1samp([1, 0, 1], 0)
    assert found.delta == pytest.approx(2 / 3)
    assert found.difference == pytest.approx(expected.pvalue, abs=0.005)
    interval = expected.confidence_interval()
    assert found.low == pytest.approx(max(-1, interval.low), abs=0.04)
    assert found.high == min(1, interval.high) == 1


def test_verdicts():
    generator = np.random.default_rng(4)
    alike = [generator.normal(size=1000).round(1) for _ in range(2)]
    assert compare([alike[0]], [alike[1]]).verdict() == "equivalent"
    assert compare([alike[0][:20]], [alike[1][:20]]).verdict() == "cannot tell"
    larger = compare([alike[0] + 1], [alike[1]])
    assert larger.verdict() == "units larger"
    assert larger.verdict(difference=0.06) == "cannot tell"
    assert compare([alike[0]], [alike[1] + 1]).verdict() == "directions larger"
    # certainly different, and certainly by less than the margin
    assert Effect(0.05, 0.02, 0.08, 0.001, 0.001).verdict() == "equivalent"


def test_correction_against_its_definition():
    values = [0.01, 0.04, 0.03, 0.005, 0.5]
    # rejected at a level: in order, the smallest against level / 5, the next against level / 4, ...
    for level in np.linspace(0.001, 0.6, 300):
        rejected = set()
        for place, index in enumerate(np.argsort(values)):
            if values[index] > level / (len(values) - place):
                break
            rejected.add(index)
        assert {i for i, p in enumerate(correct(values)) if p <= level} == rejected


def test_bad_input_is_a_sentence():
    images = pixels(12, 4)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)).eval()
    with pytest.raises(
        UnitsError, match="no layer FC9: choose from input, reshape1, FC1, ReLU1, FC2"
    ):
        top_images(model, images, "FC9")
    with pytest.raises(
        UnitsError, match="k is 13, but there are 12 images: choose one from 1 to 12"
    ):
        top_images(model, images, "FC1", k=13)
    with pytest.raises(UnitsError, match="layer FC2 has one unit"):
        top_images(model, images, "FC2")
    with pytest.raises(UnitsError, match="4 of 4 units of layer input are the same for all images"):
        top_images(model, torch.ones(12, 1, 1, 4), "input")
    damaged = images.clone()
    damaged[3] = math.nan
    with pytest.raises(UnitsError, match="layer FC1 gives NaN or infinity"):
        top_images(model, damaged, "FC1")
    with pytest.raises(UnitsError, match=r"in training mode: call model\.eval"):
        top_images(model.train(), images, "FC1")
    model.eval()
    with pytest.raises(UnitsError, match="fails on images of shape"):
        top_images(model, torch.rand(3, 1, 5, 5), "FC1")
    with pytest.raises(UnitsError, match=r"shape \(2, 5\): give a Tensor \(directions, 3\)"):
        top_images(model, images, "FC1", torch.rand(2, 5))
    layer = describe(activations(model, images, "input"))
    with pytest.raises(UnitsError, match="unknown family axes: choose from units"):
        directions("axes", layer, number=2)
    with pytest.raises(UnitsError, match="angle is 120"):
        rotated_units(layer, 120, number=2)
    with pytest.raises(UnitsError, match="positions is 'all'"):
        activations(model, images, "input", positions="all")
    with pytest.raises(UnitsError, match="number of directions is 0: give at least 1"):
        directions("units", layer, number=0)
    with pytest.raises(UnitsError, match="at least 8 units and 8 directions"):
        compare([[1.0] * 7], [[1.0, 2.0] * 4])
    with pytest.raises(UnitsError, match="1 seeds of units and 2 of others"):
        compare([[1.0] * 8], [[1.0] * 8] * 2)
    with pytest.raises(UnitsError, match="a margin of 2"):
        compare([[1.0] * 8], [[1.0] * 8], margin=2)
    with pytest.raises(UnitsError, match="not finite"):
        compare([[1.0, math.nan] * 4], [[1.0, 2.0] * 4])
    labels = torch.tensor([0, 1])
    for indices in ([[0, 5]], [[-1, 0]]):
        with pytest.raises(UnitsError, match="labels are for 2 images, but the indices go from"):
            coherence(torch.tensor(indices), labels)
    with pytest.raises(UnitsError, match="view is called purity"):
        coherence(torch.tensor([[0, 1]]), labels, purity=torch.rand(2, 3))
    for view in (torch.rand(3, 3), torch.full((2, 3), math.nan)):
        with pytest.raises(UnitsError, match="give finite numbers for each of the 2 images"):
            coherence(torch.tensor([[0, 1]]), labels, pixels=view)
    with pytest.raises(UnitsError, match="the labels have the shape"):
        coherence(torch.tensor([[0, 1]]), labels[:, None])
    with pytest.raises(UnitsError, match=r"give \(directions, 2\), one for each label"):
        best_class(torch.rand(2, 3), labels)
    with pytest.raises(UnitsError, match=r"k is 2\.5"):
        leading(torch.rand(2, 3), 2.5)
    with pytest.raises(UnitsError, match="a direction holds NaN"):
        top_images(model, images, "FC1", torch.full((2, 3), math.nan))
    with pytest.raises(UnitsError, match="same label"):
        best_class(torch.rand(2, 3), torch.zeros(3, dtype=torch.int64))
