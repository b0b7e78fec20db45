"""Units against directions as a table and as figures, from rows as the stage writes them."""

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
    "directions": 6,
    "k": 4,
}


def network(seed):
    torch.manual_seed(seed)
    layers = [torch.nn.Flatten(), torch.nn.Linear(16, 9), torch.nn.Sigmoid()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(9, 5), torch.nn.Sigmoid()).eval()


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
    assert counts["pixels"]["input"].to_dict() == {"gaussian": 6, "units": 6}
    assert counts["untrained"]["sigmoid2"].to_dict() == {"gaussian": 5, "units": 5}
    expected = {"gaussian": 6, "kmeans": 6, "rotated": 12, "shuffled": 6, "units": 6}
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


def test_table_of_effects(rows):
    table = units_table.tidy({"net": "A net"}, {"net": rows}, 0.2)
    pairs = table.groupby("layer")[["family", "measure"]].apply(
        lambda part: set(map(tuple, part.to_numpy()))
    )
    first = [(family, "purity") for family in ("gaussian", "kmeans", "shuffled", "untrained")]
    more = [("gaussian", measure) for measure in ("features", "pixels", "auc")]
    assert pairs["sigmoid1"] == pairs["sigmoid2"] == {*first, *more}
    of_family = table[(table["family"] == "gaussian") & (table["measure"] == "auc")]
    effects = [
        compare(
            *([values(f, layer, family, "auc") for f in rows] for family in ("units", "gaussian")),
            margin=0.2,
        )
        for layer in ENTRY["layers"]
    ]
    assert of_family["delta"].tolist() == [effect.delta for effect in effects]
    assert of_family["difference"].tolist() == correct([e.difference for e in effects])
    assert of_family["equivalence"].tolist() == correct([e.equivalence for e in effects])
    assert of_family["units_n"].tolist() == [6, 5] and set(of_family["seeds"]) == {2}
    lines, others = units_table.layouts(table)
    assert lines["layer"].tolist() == others["layer"].tolist() == ENTRY["layers"]
    assert lines["label purity"].str.contains(r"[+-]0\.\d\d \[").all()
    assert "over the 2 layers" in units_table.caption(table, 4, "test", 0.2)


def test_tied_directions_do_not_count(rows):
    tied = [frame.assign(tied=frame["tied"] | (frame["family"] == "kmeans")) for frame in rows]
    table = units_table.tidy({"net": "A net"}, {"net": tied}, 0.2)
    kmeans = table[table["family"] == "kmeans"]
    assert (
        set(kmeans["n"]) == {0} and kmeans["delta"].isna().all() and set(kmeans["verdict"]) == {""}
    )
    _, others = units_table.layouts(table)
    assert set(others["k-means"]) == {"too few"}


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
    assert drawn[0] == drawn[1] and all(content[:4] == b"\x89PNG" for content in drawn[0])


def test_rows_of_a_figure_are_spread_over_the_scores():
    frame = pandas.DataFrame({"score": np.random.default_rng(1).permutation(40.0 + np.arange(40))})
    assert unit_images._spread(frame)["score"].tolist() == [74, 64, 54, 44]
    assert len(unit_images._spread(frame[:2])) == 2 and unit_images._spread(frame[:0]).empty
