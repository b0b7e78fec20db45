"""Units against directions as a table and as figures, from rows as the stage writes them."""

import math
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch

from intriguing.artifacts.dataset import Split
from intriguing.report import rotation, unit_images, units_figure, units_table
from intriguing.stages import units
from intriguing.units.effects import compare, correct

ENTRY = {
    "split": "test",
    "count": 80,
    "layers": ["sigmoid1", "sigmoid2"],
    "positions": "largest",
    "features": "sigmoid1",
    "families": ["units", "gaussian", "kmeans"],
    "angles": [0, 90],
    "directions": 9,
    "k": 4,
    "fitted": "train",
}


def network(seed):
    torch.manual_seed(seed)
    layers = [torch.nn.Flatten(), torch.nn.Linear(16, 12), torch.nn.Sigmoid()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(12, 5), torch.nn.Sigmoid()).eval()


def sample():
    generator = np.random.default_rng(0)
    images = generator.random((80, 1, 4, 4), dtype=np.float32)
    return Split(images, np.arange(80) % 4, np.arange(80))


@pytest.fixture(scope="module")
def rows():
    data = SimpleNamespace(sample=lambda name, count, most: sample())
    return [
        units.run(data, network(seed), network(seed + 9), network(5), ENTRY, seed=seed)
        for seed in (0, 1)
    ]


def test_rows_of_a_network(rows):
    (first, _) = rows
    counts = first.groupby(["network", "layer", "family"]).size()
    assert counts["pixels"]["input"].to_dict() == {"gaussian": 9, "units": 9}
    assert counts["untrained"]["sigmoid2"].to_dict() == {"gaussian": 5, "units": 5}
    expected = {"gaussian": 9, "kmeans": 8, "rotated": 18, "shuffled": 9, "units": 9}
    assert counts["trained"]["sigmoid1"].to_dict() == expected
    rotated = first[(first["family"] == "rotated") & (first["network"] == "trained")]
    assert set(rotated["angle"]) == {0, 90} and first["angle"].count() == len(rotated)
    # not turned, they are the units
    same = ["layer", "score", "purity", "images"]
    plain = first[(first["family"] == "units") & (first["network"] == "trained")]
    unturned = rotated[rotated["angle"] == 0]
    pandas.testing.assert_frame_equal(
        plain[same].reset_index(drop=True), unturned[same].reset_index(drop=True)
    )
    # a unit's images are those of its largest activations
    unit = plain[plain["layer"] == "sigmoid1"].iloc[0]
    images = torch.from_numpy(sample().images)
    activation = network(0)[:3](images)[:, unit["direction"]].detach()
    best = activation.argsort(descending=True)[:4]
    assert unit["images"] == " ".join(map(str, best.tolist()))
    spread = (activation[best].mean() - activation.mean()) / activation.std(correction=0)
    assert unit["score"] == pytest.approx(spread.item(), rel=1e-4)


def values(frame, layer, family, measure):
    chosen = (frame["network"] == "trained") & (frame["layer"] == layer) & ~frame["tied"]
    return frame.loc[chosen & (frame["family"] == family), measure].tolist()


def test_the_controls_are_what_they_say(rows):
    images = torch.from_numpy(sample().images)
    labels = sample().labels
    frame = rows[0].set_index(["network", "layer", "family"])
    # before training: the other network's units
    of_unit = frame.loc[("untrained", "sigmoid1", "units")].iloc[3]
    best = network(9)[:3](images)[:, of_unit["direction"]].argsort(descending=True)[:4]
    assert of_unit["images"] == " ".join(map(str, best.tolist()))
    of_pixel = frame.loc[("pixels", "input", "units")].iloc[3]
    best = images.flatten(1)[:, of_pixel["direction"]].argsort(descending=True)[:4]
    assert of_pixel["images"] == " ".join(map(str, best.tolist()))
    # features of the other trained network, pixels of the same images
    of_direction = frame.loc[("trained", "sigmoid2", "gaussian")].iloc[0]
    chosen = [int(word) for word in of_direction["images"].split()]
    views = {"features": network(5)[:3](images).detach(), "pixels": images.flatten(1)}
    for name, view in views.items():
        vectors = torch.nn.functional.normalize(view - view.mean(0), dim=1)[chosen]
        pairs = (vectors @ vectors.T)[~torch.eye(4, dtype=torch.bool)]
        assert of_direction[name] == pytest.approx(pairs.mean().item(), abs=1e-5)
    assert of_direction["purity"] == np.bincount(labels[chosen]).max() / 4
    # chance does not know which image is which: its images are not those of the unit
    shuffled = frame.loc[("trained", "sigmoid1", "shuffled"), "images"]
    plain = frame.loc[("trained", "sigmoid1", "units"), "images"]
    shared = [len(set(a.split()) & set(b.split())) for a, b in zip(shuffled, plain, strict=True)]
    assert np.mean(shared) < 1


def test_positions_are_those_of_the_entry():
    def model(seed):
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Conv2d(1, 8, 2), torch.nn.Flatten()).eval()

    data = SimpleNamespace(sample=lambda name, count, most: sample())
    entry = ENTRY | {"layers": ["Conv1"], "features": "Conv1", "angles": [], "families": ["units"]}
    for positions, number in (("largest", 8), ("separate", 9)):
        found = units.run(
            data, model(0), model(1), model(2), entry | {"positions": positions}, seed=0
        )
        trained = found[found["network"] == "trained"]
        assert (trained["family"] == "units").sum() == number
        assert (trained["family"] == "shuffled").sum() == number
        assert (trained["direction"].max() >= 8) == (positions == "separate")


def test_table_of_effects(rows):
    table = units_table.tidy({"net": "A net"}, {"net": rows}, 0.2)
    of_trained = table[table["network"] == "trained"]
    pairs = of_trained.groupby("layer")[["family", "measure"]].apply(
        lambda part: set(map(tuple, part.to_numpy()))
    )
    first = [(family, "purity") for family in ("gaussian", "kmeans", "shuffled", "untrained")]
    more = [("gaussian", measure) for measure in ("features", "pixels", "auc")]
    assert pairs["sigmoid1"] == pairs["sigmoid2"] == {*first, *more}
    layers = ["sigmoid1", "sigmoid2"]
    of_family = of_trained[of_trained["family"] == "gaussian"]
    for measure in ("auc", "purity"):
        of_measure = of_family[of_family["measure"] == measure].set_index("layer")
        assert of_measure.loc["sigmoid2", "verdict"] == ""  # five units
        values = [
            [
                f.loc[
                    (f["network"] == "trained")
                    & (f["layer"] == "sigmoid1")
                    & (f["family"] == family)
                    & ~f["tied"],
                    measure,
                ].tolist()
                for f in rows
            ]
            for family in ("units", "gaussian")
        ]
        effect = compare(*values, margin=0.2)
        row = of_measure.loc["sigmoid1"]
        assert (row["delta"], row["difference"]) == (effect.delta, effect.difference)
        assert row["units_mean"] == pytest.approx(np.mean([np.mean(v) for v in values[0]]))
        assert row["mean"] == pytest.approx(np.mean([np.mean(v) for v in values[1]]))
        assert (row["units_n"], row["n"], row["seeds"]) == (9, 9, 2)
    lines, others, controls = units_table.layouts(table).values()
    assert lines["layer"].tolist() == others["layer"].tolist() == layers
    chance = of_trained[of_trained["family"] == "shuffled"]["mean"]
    assert lines["by chance"].tolist() == [f"{value:.3f}" for value in chance]
    expected = {("A net, untrained", layer) for layer in layers} | {
        ("the images themselves", "pixels")
    }
    assert set(zip(controls["control"], controls["layer"], strict=True)) == expected
    assert "over the 1 layers" in units_table.caption(table, 4, "test", 0.2)


def test_p_values_are_corrected_over_the_layers_of_a_kind():
    generator = np.random.default_rng(3)
    rows = []
    for number in range(3):
        for network in ("trained", "untrained"):
            for family, shift in (("units", 0.1 * number), ("gaussian", 0)):
                values = generator.normal(shift, 0.2, 40)
                frame = {"network": network, "layer": f"l{number}", "family": family, "tied": False}
                rows.append(
                    pandas.DataFrame({**frame, **dict.fromkeys(units_table.MEASURES, values)})
                )
    frame = pandas.concat(rows)
    table = units_table.tidy({"net": "A net"}, {"net": [frame]}, 0.2)
    for network in ("trained", "untrained"):
        part = table[
            (table["network"] == network)
            & (table["family"] == "gaussian")
            & (table["measure"] == "purity")
        ]
        of_network = frame[frame["network"] == network]
        effects = [
            compare(
                *(
                    [
                        of_network[(of_network["layer"] == layer) & (of_network["family"] == f)][
                            "purity"
                        ]
                    ]
                    for f in ("units", "gaussian")
                ),
                margin=0.2,
            )
            for layer in part["layer"]
        ]
        assert part["difference"].tolist() == correct([e.difference for e in effects])
        assert part["equivalence"].tolist() == correct([e.equivalence for e in effects])


def test_tied_directions_do_not_count(rows):
    tied = [frame.assign(tied=frame["tied"] | (frame["family"] == "kmeans")) for frame in rows]
    table = units_table.tidy({"net": "A net"}, {"net": tied}, 0.2)
    kmeans = table[table["family"] == "kmeans"]
    assert set(kmeans["n"]) == {0} and kmeans["delta"].isna().all()
    assert set(kmeans["verdict"]) == {""}
    _, others, _ = units_table.layouts(table).values()
    assert set(others["k-means"]) == {"too few"}
    # sorted below every effect
    assert others["k-means"].iloc[0].sort == -math.inf
    # of two seeds the one with enough units counts
    one = [rows[0], rows[1].assign(tied=True)]
    table = units_table.tidy({"net": "A net"}, {"net": one}, 0.2)
    row = table[(table["layer"] == "sigmoid1") & (table["family"] == "gaussian")].iloc[0]
    assert row["seeds"] == 1 and row["verdict"]


def test_every_angle_of_the_figure_shows_the_same_units():
    frame = pandas.DataFrame({"direction": [1, 2, 3] * 2, "angle": [0] * 3 + [90] * 3})
    frame["tied"] = [False, True, False, False, False, False]
    assert rotation._untied(frame)["direction"].tolist() == [1, 3, 1, 3]


def test_figures_are_the_same_bytes_each_time(rows, tmp_path):
    labels = {"net": "A net"}
    drawn = []
    for again in ("a", "b"):
        paths = [tmp_path / f"{name}{again}.png" for name in ("units", "rotation", "images")]
        units_figure.draw(labels, {"net": rows}, paths[0])
        rotation.draw(labels, {"net": rows}, paths[1])
        of_layer = rows[0][(rows[0]["network"] == "trained") & (rows[0]["layer"] == "sigmoid1")]
        unit_images.draw(of_layer, sample(), ["a", "b", "c", "d"], paths[2], title="A net")
        drawn.append([path.read_bytes() for path in paths])
    units_figure.draw(labels, {"net": [rows[0].assign(tied=True)]}, tmp_path / "empty.png")
    assert drawn[0] == drawn[1] and all(content[:4] == b"\x89PNG" for content in drawn[0])


def test_rows_of_a_figure_are_spread_over_the_scores():
    frame = pandas.DataFrame({"score": np.random.default_rng(1).permutation(40.0 + np.arange(40))})
    assert unit_images._spread(frame)["score"].tolist() == [74, 64, 54, 44]
    assert len(unit_images._spread(frame[:2])) == 2 and unit_images._spread(frame[:0]).empty
