"""Figures of adversarial examples, of the transfer matrix, and Figure 7."""

import numpy as np
import pandas
import pytest

from intriguing.artifacts.dataset import open_dataset, write_dataset
from intriguing.artifacts.files import write_arrays
from intriguing.artifacts.sample import sample_of
from intriguing.errors import ArtifactError
from intriguing.report import figure7, gallery, mistakes_figure
from intriguing.report.examples import Examples

PNG = b"\x89PNG"
ENTRY = {"split": "test", "count": 6, "targets": "next"}


@pytest.fixture(scope="module")
def data(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "dataset.safetensors"
    write_dataset(path, digits, parts=[], seed=0)
    return open_dataset(path)


@pytest.fixture
def sets(data, tmp_path):
    """Adversarial sets of a model of all classes and of a binary one, by model."""
    originals = sample_of(data, ENTRY).images
    arrays = {
        "images": np.clip(originals + np.float32(0.1), 0, 1),
        "distortion": np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        "success": np.array([True, False, True, True, False, True]),
        "already_wrong": np.array([False, True, False, False, False, False]),
        "labels": np.array([0, 1, 0, 1, 0, 1]),
        "targets": np.array([1, 0, 1, 0, 1, 0]),
    }
    paths = {}
    for model, binary in (("all", False), ("binary", True)):
        paths[model] = tmp_path / f"{model}.safetensors"
        settings = {**ENTRY, "binary": binary, "class_names": ["not 3", "3"]}
        write_arrays(paths[model], arrays, settings)
    return paths


@pytest.fixture
def pictures(monkeypatch):
    """Collects the examples and titles of galleries that are drawn."""
    seen = []
    draw = gallery.draw

    def drawn(examples, path, *, title):
        seen.append((examples, title))
        draw(examples, path, title=title)

    monkeypatch.setattr(gallery, "draw", drawn)
    return seen


def examples(channels, number=3):
    originals = np.random.default_rng(0).random((number, channels, 8, 8))
    labels = np.arange(number)
    return Examples(
        originals=originals,
        adversarial=np.clip(originals + 0.05, 0, 1),
        labels=labels,
        targets=(labels + 1) % max(1, number),
        distortion=np.full(number, 0.05),
        class_names=["x", "y", "z"],
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_galleries_are_pictures_and_reproducible(channels, tmp_path):
    for name in ("one.png", "two.png"):
        gallery.draw(examples(channels), tmp_path / name, title="t")
    first, second = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert first == second and first.startswith(PNG)


def test_an_empty_gallery_is_drawn(tmp_path):
    gallery.draw(examples(1, 0), tmp_path / "none.png", title="t")
    assert (tmp_path / "none.png").read_bytes().startswith(PNG)


def test_a_gallery_shows_the_first_examples(data, sets, pictures, tmp_path):
    gallery.draw_set(data, sets["all"], tmp_path / "all.png", count=3, label="A")
    ((shown, title),) = pictures
    # images 0, 2 and 3 of those with an example; the average is over all four
    np.testing.assert_array_equal(shown.originals, sample_of(data, ENTRY).images[[0, 2, 3]])
    assert list(shown.distortion) == [0.1, 0.3, 0.4] and list(shown.labels) == [0, 0, 1]
    assert title == "A: 3 adversarial examples; average distortion 0.35 over all 4 found"


def test_a_gallery_of_a_binary_model_shows_its_class(data, sets, pictures, tmp_path):
    gallery.draw_set(data, sets["binary"], tmp_path / "binary.png", count=3, label="B")
    ((shown, title),) = pictures
    assert list(shown.labels) == [1, 1] and list(shown.distortion) == [0.4, 0.6]
    assert title.startswith("B: 2 adversarial examples; average distortion 0.35 over all 4")


def test_a_folder_of_galleries_is_written_as_a_whole(data, sets, tmp_path):
    folder = tmp_path / "gallery"
    labels = {"all": "A", "binary": "B"}
    gallery.draw_sets(data, sets, labels, folder, count=2)
    gallery.draw_set(data, sets["binary"], tmp_path / "alone.png", count=2, label="B")
    names = {f"{model}.{format}" for model in sets for format in ("png", "pdf", "svg")}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "binary.png").read_bytes() == (tmp_path / "alone.png").read_bytes()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    sets["binary"].write_bytes(b"cut off")
    with pytest.raises(ArtifactError, match=r"binary\.safetensors is truncated"):
        gallery.draw_sets(data, sets, labels, folder, count=3)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not list(tmp_path.glob(".gallery*"))


def test_figure7_states_the_accuracies(data, sets, tmp_path):
    panels = figure7.adversarial_panels(data, sets.values(), ["A", "B"], count=3)
    # four of six have an example, and one of the others is misclassified undistorted
    words = "A: average distortion 0.35, accuracy 16.7 % [3.01, 56.4] of 6"
    assert panels[0].title == words and len(panels[0].originals) == 3
    noise = tmp_path / "noise.safetensors"
    images = sample_of(data, ENTRY).images
    write_arrays(noise, {"images": images + 0.5}, {**ENTRY, "standard_deviation": 0.5})
    errors = pandas.DataFrame(
        [
            {
                "input": kind,
                "target": model,
                "n": 6,
                "errors": wrong,
                "standard_deviation": deviation,
            }
            for deviation, distorted in ((0.1, 1), (0.5, 3))
            for kind, wrong in (("distorted", distorted), ("clean", 0))
            for model in sets
        ]
    )
    panel = figure7.noise_panel(data, noise, errors, {"all": "A"}, count=2)
    assert panel.title == "Gaussian noise of deviation 0.5: accuracy A 50 % [18.8, 81.2] of 6"
    assert len(panel.distorted) == 2
    for name in ("one.png", "two.png"):
        figure7.draw([*panels, panel], tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert first == second and first.startswith(PNG)


@pytest.mark.parametrize("pairs", [12, 0])
def test_how_examples_transfer_is_a_picture_and_reproducible(pairs, tmp_path):
    columns = [
        "made_for_label",
        "cosine",
        "error_percent",
        "error_low",
        "error_high",
        "noise_percent",
    ]
    rows = [("ABCDEFGHIJKL"[k], 0.05 * k, 4.0 * k, 3.0 * k, 5.0 * k, 2.0) for k in range(pairs)]
    table = pandas.DataFrame(rows, columns=columns)
    table["same_percent"], table["other_percent"] = table["error_percent"], 0.0
    for name in ("one.png", "two.png"):
        mistakes_figure.draw(table, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert first == second and first.startswith(PNG)


@pytest.mark.parametrize("published", [21.1, np.nan])
def test_the_heat_map_is_a_picture_and_reproducible(published, tmp_path):
    from intriguing.report import heatmap  # loads seaborn

    rows = [
        {
            "made_for_label": source,
            "target_label": target,
            "error_percent": 50.0,
            "matched_noise_percent": np.nan if source == "noise" else 3.0,
            "paper_error_percent": published,
        }
        for source in ("A", "B", "noise")
        for target in ("A", "B")
    ]
    for name in ("one.png", "two.png"):
        heatmap.draw(pandas.DataFrame(rows), tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert first == second and first.startswith(PNG)
