"""Table 5, the table of certificates, their figures, and the stages that give their rows."""

import math

import pandas
import pytest
import torch
from repository import ROOT
from torch import nn

from intriguing import networks
from intriguing.artifacts import bounds as stored
from intriguing.artifacts.dataset import open_dataset, write_dataset
from intriguing.artifacts.files import read_table, write_arrays, write_table
from intriguing.attacks import noise
from intriguing.errors import ArtifactError, ModelError
from intriguing.lipschitz.network import network_bounds
from intriguing.report import certificates, instability, layers_figure, published, table5
from intriguing.stages import attack, certificate, lipschitz, lipschitz_of_network
from intriguing.tasks import Task

ENTRY = {
    "architecture": "alexnet",
    "options": {},
    "input_shape": [3, 32, 32],
    "classes": 5,
    "weights": "as_built",
    "seed": 0,
}


def small_alexnet():
    """Strides, groups, overlapping pools, LRN and dropout at a size for tests."""
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.LocalResponseNorm(5, 5e-4, k=2.0)),
        *(nn.MaxPool2d(3, 2), nn.Conv2d(8, 12, 3, padding=1, groups=2), nn.ReLU()),
        *(nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(48, 20), nn.ReLU(), nn.Dropout()),
        nn.Linear(20, 5),
    ).eval()


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return small_alexnet()


@pytest.fixture
def bounds(small, monkeypatch):
    monkeypatch.setattr(networks, "build", lambda *arguments, **options: small)
    return lipschitz_of_network.run(ENTRY)


@pytest.fixture
def table(bounds, tmp_path):
    write_table(tmp_path / "layers.csv", lipschitz.layers_table(bounds))
    layers = read_table(tmp_path / "layers.csv")
    published_bounds = published.read(ROOT / "resources" / "paper" / "table5.csv")
    shown = [
        (entry("A", "alexnet", weights="random weights"), layers),
        (entry("B", "softmax"), layers),
        (entry("B", "softmax", seed=1), layers),
    ]
    return table5.tidy(shown, published_bounds)


def entry(label, architecture, *, weights="", seed=0):
    return {"label": label, "architecture": architecture, "weights": weights, "seed": seed}


def test_table5_shows_the_published_bound_of_each_layer(table):
    first = table[table["network"] == "A, random weights"].set_index("layer")
    assert first.loc["Conv1", "published_bound"] == 2.75
    assert first.loc["FC2", "published_bound"] == 4
    assert table[table["network"] == "B"]["published_bound"].isna().all()
    assert (first["lower"] <= first["upper"]).all()
    layout = table5.layout(table)
    # one seed of each network, without layers that cannot enlarge a distance
    assert list(layout[layout["network"] == "B"]["layer"]) == [
        *("Conv1", "LRN1", "max-pool1", "Conv2", "max-pool2", "FC1", "FC2", "network"),
    ]
    line = layout.iloc[0]
    assert line["size"] == "3×5×5×8" and line["stride"] == "2"
    assert line["published, other weights"] == "2.75"
    assert line["published, other weights"].kind == "number published other"
    assert "not compared" in table5.caption(table) and "first is shown" in table5.caption(table)
    # without an AlexNet nothing published is mentioned
    others = table[table["network"] == "B"]
    assert "published, other weights" not in table5.layout(others)
    assert "published" not in table5.caption(others).lower()
    assert set(table["weights"]) == {"random weights", "trained here"}
    assert float(line["printed"]) == pytest.approx(float(line["corrected"]) / 2, rel=1e-3)


def test_the_last_row_is_the_network(table, bounds):
    row = table[table["layer"] == "network"].iloc[0]
    assert row["upper"] == pytest.approx(bounds.upper) and row["method"] == "product"
    assert row["paper"] == pytest.approx(bounds.paper)
    assert 0 < row["lower"] < row["upper"]


def test_weights_of_a_network(small, monkeypatch, tmp_path):
    torch.save(small.state_dict(), tmp_path / "weights.pt")
    fresh = small_alexnet()
    monkeypatch.setattr(networks, "build", lambda *arguments, **options: fresh)
    bounds = lipschitz_of_network.run(ENTRY | {"weights": str(tmp_path / "weights.pt")})
    own = network_bounds(small, (3, 32, 32), torch.rand(1, 3, 32, 32))
    assert bounds.product == pytest.approx(own.product)
    with pytest.raises(ModelError, match="does not exist"):
        lipschitz_of_network.run(ENTRY | {"weights": str(tmp_path / "nothing.pt")})


def test_bounds_survive_being_stored(bounds, tmp_path):
    path = tmp_path / "bounds.safetensors"
    lipschitz.save_constants(path, bounds)
    again = certificate.read_constants(path)
    assert torch.equal(again.pairwise, bounds.pairwise) and again.upper == bounds.upper
    numbers, _ = stored.read(path)
    assert numbers["eclipse"] is None
    write_arrays(path, {"other": bounds.pairwise.numpy()}, {})
    with pytest.raises(ArtifactError, match="does not hold bounds"):
        certificate.read_constants(path)


@pytest.fixture
def certified():
    lines = pandas.DataFrame(
        [
            {
                "attack": attack,
                "model": model,
                "seed": seed,
                "method": "lbfgs",
                "split": "train",
                "targets": "next" if attack == "a" else "any",
                "n": 50 + seed,
                "least_ratio": 1.5 - 0.1 * seed,
                **{f"{name}_mean": value for name, value in distances.items()},
                **{f"{name}_deviation": 0.01 for name in distances},
                **{f"{name}_median": value for name, value in distances.items()},
            }
            for model in ("m", "o")
            for seed in (0, 1)
            for attack, distances in (
                (
                    "a",
                    {"simple": 0.01, "pairwise": 0.02, "targeted": 0.03, "found": 0.05, "noise": 1},
                ),
                ("b", {"simple": 0.01, "pairwise": 0.02, "found": 0.04, "noise": 1.0}),
            )
        ]
    )
    models = {"m": {"label": "M"}, "o": {"label": "O"}}
    return certificates.tidy(models, lines, ["a", "b"])


def test_certificates(certified):
    assert len(certified) == 4
    first, second = certified.iloc[0], certified.iloc[1]
    assert first["n"] == 101 and first["least_ratio"] == pytest.approx(1.4)
    assert first["targeted"] == pytest.approx(0.03) and pandas.isna(second["targeted"])
    assert first["found_low"] < 0.05 < first["found_high"]
    layout = certificates.layout(certified)
    assert layout.iloc[0]["certified, targeted"].startswith("0.0300 [")
    assert layout.iloc[1]["certified, targeted"] == ""
    assert layout.iloc[0]["least ratio"] == "1.40"


def test_distances_that_four_decimals_do_not_show(certified):
    assert certificates.STRONGEST_NOISE == noise.STRONGEST
    tiny = dict.fromkeys(("simple", "simple_low", "simple_high"), 3.84e-10)
    table = certified.assign(
        **tiny, noise_median=[10.0, 9.5, 1.0, 1.0], noise_capped=[True, True, False, False]
    )
    layout = certificates.layout(table.assign(least_ratio=[192360495600.0, 126911.1, 1.0, 2.0]))
    assert layout["certified, simple"][0] == "3.8 [3.8, 3.8] ×10⁻¹⁰"
    assert list(layout["noise, median"]) == ["≥ 10 (largest tried)", "≥ 9.5", "1.0000", "1.0000"]
    assert list(layout["least ratio"]) == ["1.9×10¹¹", "126911", "1.00", "2.00"]


def test_noise_that_changes_no_class_is_known_as_such(certified):
    assert not certified["noise_capped"].any()
    line = {"attack": "a", "model": "m", "method": "lbfgs", "split": "test", "targets": "any"}
    line |= {"n": 9, "least_ratio": 1.5}
    for name in ("simple", "pairwise", "found", "noise"):
        line |= {f"{name}_{end}": 0.1 for end in ("mean", "deviation", "median")}
    seeds = [line | {"seed": 0}, line | {"seed": 1, "noise_median": 10.0}]
    table = certificates.tidy({"m": {"label": "M"}}, pandas.DataFrame(seeds), ["a"])
    assert table["noise_capped"].item() and table["noise_median"].item() == pytest.approx(5.05)


@pytest.mark.parametrize("targeted", [False, True])
def test_no_image_is_attacked(targeted, tmp_path):
    # as the stage writes it if a model misclassifies all of them
    line = {"model": "m", "seed": 0, "attack": "a", "method": "lbfgs", "split": "test"}
    line |= {"digest": "x", "targets": "any", "n": 0, "constant": 2.0}
    for name in ("simple", "pairwise", *["targeted"] * targeted, "found", "noise"):
        line |= {f"{name}_{figure}": math.nan for figure in ("mean", "deviation", "median")}
    lines = pandas.DataFrame([line | {"model": name, "least_ratio": math.nan} for name in "mo"])
    lines.to_csv(tmp_path / "all.csv", index=False)
    models = {"m": {"label": "M"}, "o": {"label": "O"}}
    table = certificates.tidy(models, pandas.read_csv(tmp_path / "all.csv"), ["a"])
    shown = certificates.layout(table)
    assert certificates.caption(table).count("nothing") == 0
    assert list(shown.columns)[-2:] == ["noise, median", "least ratio"]
    assert shown.values.tolist() == [[name, "a", "0", *[""] * 6] for name in "MO"]
    instability.draw(table, "a", tmp_path / "instability.png")


def test_figures_are_the_same_bytes_each_time(table, certified, tmp_path):
    for draw in (
        lambda path: layers_figure.draw(table, path),
        lambda path: instability.draw(certified, "a", path),
    ):
        draw(tmp_path / "first.png")
        draw(tmp_path / "second.png")
        assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


class Unknown(nn.Module):
    """Something for which there is no bound."""

    def forward(self, images):
        return torch.exp(images) - 1


def test_a_network_without_bounds_goes_through_the_stage(digits, tmp_path):
    path = tmp_path / "dataset.safetensors"
    write_dataset(path, digits, parts=[], seed=0)
    data = open_dataset(path)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), Unknown(), nn.Linear(64, 10)).eval()
    bounded = {"split": "test", "count": 12, "targets": "next", "lipsdp": True}
    bounds = lipschitz.run(data, model, bounded)
    reason = bounds.reason
    assert (
        "no bound for the operation exp" in reason
        and "slope grows" in reason
        and "register" in reason
    )
    assert bounds.upper == math.inf and 0 < bounds.lower < math.inf
    table = lipschitz.layers_table(bounds)
    rows = table.set_index("layer")
    assert list(rows.index) == ["reshape1", "exp1", "FC1", "network"]
    assert rows["method"]["network"] == reason
    known = torch.linalg.svdvals(model[2].weight.detach().double())[0].item()
    assert rows["lower"]["FC1"] <= known <= rows["upper"]["FC1"] < known * 1.001
    assert rows["upper"]["exp1"] == math.inf and rows["lower"]["exp1"] == 0
    write_table(tmp_path / "layers.csv", table)
    lipschitz.save_constants(tmp_path / "bounds.safetensors", bounds)
    again = certificate.read_constants(tmp_path / "bounds.safetensors")
    attack_entry = {
        "method": "lbfgs",
        "margin": 1e-4,
        "search": {},
        "labels": "model",
        **{key: bounded[key] for key in ("split", "count", "targets")},
    }
    adversarial = attack.run(data, model, Task.of(data.class_names), attack_entry, seed=0)
    lines = certificate.run(data, model, {"lbfgs": adversarial}, again)
    assert lines["n"][0] == 12 and lines["pairwise_mean"][0] == 0
    lines.insert(0, "model", "m")
    lines.insert(0, "seed", 0)
    table = certificates.tidy({"m": {"label": "M"}}, lines, ["lbfgs"])
    line = certificates.layout(table).iloc[0]
    assert line["certified, pairwise"] == "nothing" and line["least ratio"] == ""
    assert "no certified constant" in certificates.caption(table)
    instability.draw(table, "lbfgs", tmp_path / "instability.png")
    shown = table5.tidy(
        [
            (entry("M", "", weights="weights as built"), read_table(tmp_path / "layers.csv")),
            (entry("N", ""), read_table(tmp_path / "layers.csv")),
        ],
        published.read(ROOT / "resources" / "paper" / "table5.csv"),
    )
    # the known layers alone have bars
    for path, rows in (("all.png", shown), ("known.png", shown[shown["layer"] != "exp1"])):
        layers_figure.draw(rows, tmp_path / path)
    assert (tmp_path / "all.png").read_bytes() == (tmp_path / "known.png").read_bytes()
    # the row in which the chain of bounds ends says so, and a note below the table why
    for network in ("M, weights as built", "N"):
        layout = table5.layout(shown)
        cells = layout[layout["network"] == network].set_index("layer")["ours [lower, upper]"]
        assert cells["exp1"] == "no constant ¹" and cells["exp1"].sort == math.inf
        assert cells["network"].startswith("no constant from exp1 on ¹; at least ")
    (note,) = table5.notes(shown)
    assert note.startswith("¹ There is no bound for the operation exp") and note.endswith(".")
    # of a model that cannot be traced only the layers that are known are listed
    alone = table5.layout(shown[shown["layer"] != "exp1"])
    assert alone["ours [lower, upper]"].iloc[-1].startswith("no constant ¹; at least ")
