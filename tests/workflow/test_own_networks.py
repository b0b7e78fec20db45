"""The page docs/own_networks.md, followed to the letter, and the other systems beside it."""

import re

import numpy as np
import pandas
import pytest
import yaml
from copies import Copy
from PIL import Image
from repository import ROOT

EXPERIMENT = "config/experiments/own.yaml"
# what the page does not show: the networks of the paper's other figures
MORE = {
    "models": {
        "alexnet": {
            "label": "AlexNet-style",
            "architecture": "alexnet_style",
            "options": {"channels": [4, 6, 6, 6, 4], "dense": [16, 16], "dropout": 0.1},
            "training": {"adam": {"epochs": 20, "batch_size": 32, "learning_rate": 0.004}},
        },
        "quocnet": {
            "label": "QuocNet-style (d3)",
            "architecture": "quocnet",
            "options": {"maps": [4, 8]},
            "positive": "d3",
            "weight_decay": [1e-3],
            "reconstruction": {"training": {"adam": {"epochs": 2, "batch_size": 32}}},
        },
    },
    "attacks": {
        "to_one_class": {
            "count": 8,
            "split": "test",
            "targets": {"class": "d0"},
            "models": ["alexnet"],
        }
    },
    "units": {
        "models": {"residual": {"layers": ["sum1", "blocks.0"]}, "alexnet": {"layers": ["ReLU7"]}},
        "features": {"model": "linear", "layer": "FC1"},
        "k": 4,
    },
    "report": {
        "figure5": {"model": "alexnet", "attack": "to_one_class", "count": 3},
        "figure6": {"model": "quocnet", "attack": "lbfgs", "count": 3},
        "figure7": {"models": ["linear", "residual"]},
        "filters": ["quocnet"],
        "gallery": 2,
    },
}


def follow_the_page(copy, digits):
    page = (ROOT / "docs" / "own_networks.md").read_text()
    # the first line of a block names its file
    for name in ("my_networks.py", EXPERIMENT):
        block = re.search(rf"```\w+\n(# {re.escape(name)}\n.*?)```", page, re.S).group(1)
        copy.path(name).write_text(block)
    splits = (
        ("train", digits.train_images[:600], digits.train_labels),
        ("test", digits.test_images, digits.test_labels),
    )
    for split, images, labels in splits:
        for number, (image, label) in enumerate(zip(images, labels, strict=False)):
            folder = copy.path(f"my_images/{split}/d{label}")
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.round(255 * image[0].numpy()).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def own(tmp_path_factory, digits):
    """A copy with the page's experiment built, and more; tests leave it as it is."""
    copy = Copy.of_repository(tmp_path_factory.mktemp("own"))
    follow_the_page(copy, digits)
    as_shown = copy.planned("own")
    assert as_shown["train"] == 2 and as_shown["attack"] == 4
    settings = yaml.safe_load(copy.path(EXPERIMENT).read_text())
    for attack in settings["attacks"].values():
        attack["count"] = 16
    settings["models"] |= MORE["models"]
    settings["attacks"] |= MORE["attacks"]
    settings |= {key: MORE[key] for key in ("report", "units")}
    copy.path(EXPERIMENT).write_text(yaml.safe_dump(settings, sort_keys=False))
    copy.snakemake("own", "--cores", 2)
    return copy


@pytest.fixture
def changed(own, tmp_path):
    """A copy of that copy, for tests that change it."""
    return own.duplicate(tmp_path / "own")


def test_units_of_the_users_network_and_images(own):
    table = read(own, "tables/units")
    table = table[table["network"] == "trained"]
    assert set(zip(table["model"], table["layer"], strict=True)) == {
        ("residual", "sum1"),
        ("residual", "blocks.0"),
        ("alexnet", "ReLU7"),
    }
    # a block by its path is the sum in it, its ReLU included
    figures = {path.name for path in own.path("results/own/figures/units").glob("*.png")}
    assert figures == {"residual-sum1.png", "residual-blocks.0.png", "alexnet-ReLU7.png"}


def read(copy, name):
    return pandas.read_csv(copy.path(f"results/own/{name}.csv"))


def test_every_system_is_in_every_table(own):
    models = {"residual", "linear", "alexnet", "quocnet"}
    assert set(read(own, "tables/table1")["model"]) == models
    table2 = read(own, "tables/table2")
    assert set(table2["made_for"]) == models | {"noise0.1"} and set(table2["target"]) == models
    attacks = read(own, "tables/attacks")
    assert (attacks["successes"] == attacks["attacked"]).all()
    assert len(attacks) == 2 * 4 + 1
    bounds = read(own, "tables/table5")
    whole = bounds[bounds["kind"] == "network"]
    assert len(whole) == 4 and np.isfinite(whole["upper"]).all()
    assert (whole["lower"] <= whole["upper"]).all()
    certificates = read(own, "tables/certificates")
    assert len(certificates) == 9 and (certificates["least_ratio"] >= 1).all()
    caption = own.path("results/own/tables/distortion.md").read_text()
    assert "every model of my_images" in caption
    assert "Fewer than 30 images" in caption and "QuocNet-style (d3), lbfgs" in caption


def test_figures_of_the_paper(own):
    page = own.path("results/own/page.html").read_text()
    for name in ("figure5", "figure6", "figure7"):
        picture = Image.open(own.path(f"results/own/figures/{name}.png"))
        # something else than a blank sheet
        assert len(picture.convert("L").getcolors()) > 50
        assert f'alt="{name.replace("figure", "Figure ")}"' in page
    assert own.path("results/own/figures/filters/quocnet/seed0.png").is_file()
    assert own.planned("own") == {}


def test_an_edit_of_the_factory_trains_its_model_again(changed):
    with changed.path("my_networks.py").open("a") as file:
        file.write("\n\n# a comment changes nothing\n")
    assert changed.planned("own") == {}
    with changed.path("my_networks.py").open("a") as file:
        file.write("\n\nSOMETHING = 1\n")
    planned = changed.planned("own")
    assert planned["train"] == 1
    # with the sets of the other models nothing happens
    assert planned["attack"] == 2 and planned["lipschitz"] == 1
    assert "data" not in planned and "filters" not in planned


def test_an_image_that_cannot_be_read_is_named(changed):
    broken = changed.path("my_images/train/d4/broken.png")
    whole = next(changed.path("my_images/train/d3").glob("*.png"))
    broken.write_bytes(whole.read_bytes()[:60])
    changed.path("results/own/data/dataset.safetensors").unlink()
    ran = changed.snakemake("results/own/data/dataset.safetensors", "--cores", 1, check=False)
    assert ran.returncode != 0 and "train/d4/broken.png" in ran.stdout
    assert "Traceback" not in ran.stdout
    # once more where it is seen
    *_, log, sentence = ran.stdout.splitlines()
    assert sentence.startswith("error: my_images/train/d4/broken.png cannot be read")
    assert changed.path(log.removeprefix("the log of this run is ")).is_file()


def test_what_does_not_exist_is_reported_before_any_job(changed):
    """What else can be known then is in tests/unit/test_prerequisites.py."""
    model = "results/own/models/residual/seed0"
    changed.edit(EXPERIMENT, "my_networks:residual", "my_networks:residul")
    ran = changed.snakemake(model, "--cores", 1, check=False)
    assert ran.returncode != 0
    # nothing but the sentence: no rule, no line of a file
    sentence = f"error: {EXPERIMENT}: models.residual.factory: my_networks.py has no function"
    assert ran.stdout.splitlines()[-1] == f"{sentence} 'residul'; did you mean 'residual'?"
    assert "Traceback" not in ran.stdout and 'File "' not in ran.stdout
    # the model of before is not lost
    assert changed.path(model).is_dir()
    changed.edit(EXPERIMENT, "folder: my_images", "folder: images")
    ran = changed.snakemake("-n", "own", check=False)
    assert ran.returncode != 0
    assert ran.stdout.splitlines()[-1].startswith(
        f"error: {EXPERIMENT}: data.folder: images does not exist: correct data.folder or data.root"
    )


def test_the_folder_of_known_data_sets_is_not_that_of_own_images(own):
    ran = own.snakemake("-n", "own", INTRIGUING_DATA_ROOT="/elsewhere")
    assert "Nothing to be done" in ran.stdout
