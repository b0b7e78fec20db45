"""Table 5, the table of certificates, their figures, and the stage that makes their rows."""

import math

import pandas
import pytest
import torch
from repository import ROOT
from test_network_bounds import small_alexnet

from intriguing import networks
from intriguing.artifacts.dataset import open_dataset, write_dataset
from intriguing.artifacts.files import read_table, write_table
from intriguing.errors import ArtifactError, ModelError
from intriguing.lipschitz import network_bounds
from intriguing.report import layers_figure as bound_figures
from intriguing.report import published
from intriguing.report import table5 as bound_tables
from intriguing.stages import attack, lipschitz
from intriguing.tasks import Task

ENTRY = {
    "architecture": "alexnet",
    "options": {},
    "input_shape": [3, 32, 32],
    "classes": 5,
    "weights": "as_built",
    "seed": 0,
}


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return small_alexnet()


@pytest.fixture
def bounds(small, monkeypatch):
    monkeypatch.setattr(networks, "build", lambda *arguments, **options: small)
    return lipschitz.of_network(ENTRY)


@pytest.fixture
def table(bounds, tmp_path):
    write_table(tmp_path / "layers.csv", lipschitz.layers_table(bounds))
    layers = read_table(tmp_path / "layers.csv")
    published_bounds = published.read(ROOT / "resources" / "paper" / "table5.csv")
    shown = [
        ({"label": "A", "architecture": "alexnet", "seed": 0}, layers),
        ({"label": "B", "architecture": "softmax", "seed": 0}, layers),
        ({"label": "B", "architecture": "softmax", "seed": 1}, layers),
    ]
    return bound_tables.table5(shown, published_bounds)


def test_table5_shows_the_published_bound_of_each_layer(table):
    first = table[table["network"] == "A"].set_index("layer")
    assert first.loc["Conv1", "published_bound"] == 2.75
    assert first.loc["FC2", "published_bound"] == 4
    assert table[table["network"] == "B"]["published_bound"].isna().all()
    assert (first["lower"] <= first["upper"]).all()
    layout = bound_tables.table5_layout(table)
    # one seed of each network, without layers that only pass on
    assert list(layout[layout["network"] == "B"]["layer"]) == [
        *("Conv1", "LRN1", "max-pool1", "Conv2", "max-pool2", "FC1", "FC2", "network"),
    ]
    line = layout.iloc[0]
    assert line["size"] == "3×5×5×8" and line["stride"] == "2"
    assert line["published"] == "2.75 [S]"
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
    made = lipschitz.of_network(ENTRY | {"weights": str(tmp_path / "weights.pt")})
    own = network_bounds(small, (3, 32, 32), torch.rand(1, 3, 32, 32))
    assert made.product == pytest.approx(own.product)
    with pytest.raises(ModelError, match="does not exist"):
        lipschitz.of_network(ENTRY | {"weights": str(tmp_path / "nothing.pt")})


def test_bounds_survive_being_stored(bounds, tmp_path):
    path = tmp_path / "bounds.safetensors"
    lipschitz.save(path, bounds)
    again = lipschitz.read(path)
    assert torch.equal(again.pairwise, bounds.pairwise) and again.upper == bounds.upper
    assert again.eclipse is None
    from intriguing.artifacts.files import write_arrays

    write_arrays(path, {"other": bounds.pairwise.numpy()}, {})
    with pytest.raises(ArtifactError, match="holds no bounds"):
        lipschitz.read(path)


@pytest.fixture
def certificates():
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
    return bound_tables.certificates(models, lines, ["a", "b"])


def test_certificates(certificates):
    assert len(certificates) == 4
    first, second = certificates.iloc[0], certificates.iloc[1]
    assert first["n"] == 101 and first["least_ratio"] == pytest.approx(1.4)
    assert first["targeted"] == pytest.approx(0.03) and pandas.isna(second["targeted"])
    assert first["found_low"] < 0.05 < first["found_high"]
    layout = bound_tables.certificates_layout(certificates)
    assert layout.iloc[0]["certified, targeted"].startswith("0.0300 [")
    assert layout.iloc[1]["certified, targeted"] == ""
    assert layout.iloc[0]["least ratio"] == "1.40"


def test_figures_are_the_same_bytes_each_time(table, certificates, tmp_path):
    for draw in (
        lambda path: bound_figures.layers(table, path),
        lambda path: bound_figures.instability(certificates, "a", path),
    ):
        draw(tmp_path / "first.png")
        draw(tmp_path / "second.png")
        assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


class Unknown(torch.nn.Module):
    """Something for which there is no bound."""

    def forward(self, images):
        return torch.exp(images) - 1


def test_a_network_without_bounds_goes_through_the_stage(digits, tmp_path):
    path = tmp_path / "dataset.safetensors"
    write_dataset(path, digits, parts=[], seed=0)
    data = open_dataset(path)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), Unknown(), torch.nn.Linear(64, 10)).eval()
    entry = {"split": "test", "count": 12, "targets": "next", "lipsdp": True}
    bounds = lipschitz.of_model(data, model, entry)
    reason = bounds.reason
    assert "there is no bound for the operation exp" in reason and "register" in reason
    assert bounds.upper == math.inf and 0 < bounds.lower < math.inf
    table = lipschitz.layers_table(bounds)
    rows = table.set_index("layer")
    assert list(rows.index) == ["reshape1", "exp1", "FC1", "network"]
    assert rows["method"]["network"] == reason
    known = torch.linalg.svdvals(model[2].weight.detach().double())[0].item()
    assert rows["lower"]["FC1"] <= known <= rows["upper"]["FC1"] < known * 1.001
    assert rows["upper"]["exp1"] == math.inf and rows["lower"]["exp1"] == 0
    write_table(tmp_path / "layers.csv", table)
    lipschitz.save(tmp_path / "bounds.safetensors", bounds)
    again = lipschitz.read(tmp_path / "bounds.safetensors")
    attack_entry = {
        "method": "lbfgs",
        "margin": 1e-4,
        "search": {},
        "labels": "model",
        **{key: entry[key] for key in ("split", "count", "targets")},
    }
    made = attack.run(data, model, attack_entry, task=Task.of(data.class_names), seed=0)
    lines = lipschitz.certificates(data, model, {"lbfgs": made}, again)
    assert lines["n"][0] == 12 and lines["pairwise_mean"][0] == 0
    lines.insert(0, "model", "m")
    lines.insert(0, "seed", 0)
    table = bound_tables.certificates({"m": {"label": "M"}}, lines, ["lbfgs"])
    assert (
        bound_tables.certificates_layout(table).iloc[0]["certified, pairwise"].startswith("0.0000")
    )
    bound_figures.instability(table, "lbfgs", tmp_path / "instability.png")
    shown = bound_tables.table5(
        [({"label": "M", "architecture": "", "seed": 0}, read_table(tmp_path / "layers.csv"))],
        published.read(ROOT / "resources" / "paper" / "table5.csv"),
    )
    # the known layers alone have bars
    for path, rows in (("all.png", shown), ("known.png", shown[shown["layer"] != "exp1"])):
        bound_figures.layers(rows, tmp_path / path)
    assert (tmp_path / "all.png").read_bytes() == (tmp_path / "known.png").read_bytes()
    cells = bound_tables.table5_layout(shown).set_index("layer")["ours [lower, upper]"]
    assert cells["exp1"] == "[0, inf]: none known"
    assert ", inf]: there is no bound for the operation exp" in cells["network"]
