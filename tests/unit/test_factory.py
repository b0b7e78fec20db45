import re
import sys
import textwrap

import pytest
import torch
from repository import ROOT

from intriguing import networks
from intriguing.artifacts import model as stored
from intriguing.errors import ArtifactError, ModelError
from intriguing.networks import given_weights, trained, weight_sources
from intriguing.networks.factory import build_own
from intriguing.provenance import factory_hash

SOURCE = """
    import torch
    from torch import nn

    def net(input_shape, classes, *, width=4):
        channels, height, across = input_shape
        return nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(width * height * across, classes),
        )

    def no_module(input_shape, classes):
        return 3

    def wrong_classes(input_shape, classes):
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes + 1))

    def wrong_shape(input_shape, classes):
        return nn.Linear(5, classes)

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.matrix = torch.eye(64)[:10]

        def forward(self, images):
            return images.flatten(1) @ self.matrix.T

    def plain_tensor(input_shape, classes):
        return Plain()

    def frozen(input_shape, classes):
        model = net(input_shape, classes)
        model[1].eval()
        return model

    number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a module of the user's own, forgotten afterwards."""
    (tmp_path / "own_nets.py").write_text(textwrap.dedent(SOURCE))
    (tmp_path / "broken_nets.py").write_text("import nothing_of_that_name\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("own_nets", "broken_nets"):
        sys.modules.pop(name, None)


def test_a_function_of_the_working_directory(here):
    model = build_own("own_nets:net", (1, 8, 8), 10, width=6)
    assert model[0].weight.shape == (6, 1, 3, 3) and model.training
    assert model[1].num_batches_tracked == 0  # the check of its logits left no trace
    assert not build_own("own_nets:frozen", (1, 8, 8), 10)[1].training


@pytest.mark.parametrize(
    ("factory", "options", "words"),
    [
        (
            "nowhere.nets:net",
            {},
            r"nowhere.nets:net cannot be import.*No module named 'nowhere'.: install the pack",
        ),
        (
            "broken_nets:net",
            {},
            "import.*: install nothing_of_that_name, or correct the import in b",
        ),
        ("own_nets:missing", {}, "has no function 'missing'"),
        ("own_nets:number", {}, "something other than a function as 'number'"),
        ("own_nets:net", {"depth": 3}, r"options {'depth': 3} .*unexpected keyword.*correct the"),
        ("own_nets:no_module", {}, "returns a int: let it return a torch.nn.Module"),
        ("own_nets:wrong_classes", {}, r"gives \(2, 11\) for two images: let it give logits"),
        ("own_nets:plain_tensor", {}, r"does not compute in double precision.*register_buffer"),
        ("own_nets:wrong_shape", {}, r"does not take images of \(2, 1, 8, 8\)"),
    ],
)
def test_what_is_no_factory(here, factory, options, words):
    with pytest.raises(ModelError, match=words) as caught:
        build_own(factory, (1, 8, 8), 10, **options)
    assert "\n" not in str(caught.value)


def test_the_example_with_torchvision(here):
    page = (ROOT / "docs" / "own_networks.md").read_text()
    (example,) = (
        block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "torchvision" in block
    )
    (here / "example_resnet.py").write_text(example)
    model = build_own("example_resnet:resnet", (1, 8, 8), 3, std=0.5).eval()
    sys.modules.pop("example_resnet")
    images = torch.rand(2, 1, 8, 8)
    assert torch.allclose(model(images), model.model((images - 0.5) / 0.5))


def test_long_options_are_cut(here):
    with pytest.raises(ModelError) as caught:
        build_own("own_nets:net", (1, 8, 8), 10, widths=list(range(500)))
    assert len(str(caught.value)) < 400 and "options {'widths': [0, 1, 2" in str(caught.value)


def test_a_network_of_ones_own_is_saved_and_loaded(here, tmp_path):
    settings = {
        "factory": "own_nets:net",
        "architecture": "",
        "options": {"width": 3},
        "input_shape": [1, 8, 8],
        "classes": 2,
        "class_names": ["not 3", "3"],
        "positive": 3,
    }
    model = networks.from_entry(settings, (1, 8, 8), 2)
    images = torch.rand(5, 1, 8, 8)
    model(images)  # batch norm takes note
    model.eval()
    folder = tmp_path / "model"
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    stored.save(folder, stored.ModelFiles(arrays, settings, {}, [], {}))
    again = trained.load(folder)
    assert torch.equal(again(images), model(images))
    assert again[1].num_batches_tracked == 1
    task = stored.task(folder)
    assert task.class_names == ("not 3", "3")
    assert task.labels(torch.tensor([3, 0, 3])).tolist() == [1, 0, 1]
    (here / "own_nets.py").unlink()
    sys.modules.pop("own_nets")
    with pytest.raises(ModelError, match="cannot be imported"):
        trained.load(folder)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(ArtifactError, match="holds no weights"):
        trained.load(folder)


def test_weights_of_ones_own(here, tmp_path):
    entry = {"factory": "own_nets:net", "options": {}, "weights": weight_sources.AS_BUILT}
    model = given_weights.network(entry, (1, 8, 8), 10)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    entry["weights"] = str(tmp_path / "weights.pt")
    again = given_weights.network(entry, (1, 8, 8), 10)
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True)
    )
    with pytest.raises(ModelError, match="is of another network"):
        given_weights.network(entry | {"options": {"width": 7}}, (1, 8, 8), 10)


def test_the_hash_follows_the_source_and_imports_nothing(here):
    first = factory_hash("own_nets:net")
    assert factory_hash("own_nets:other") == first
    assert "own_nets" not in sys.modules
    with (here / "own_nets.py").open("a") as file:
        file.write("changed = 1\n")
    assert factory_hash("own_nets:net") != first
    # what it imports of the same folder counts, what lies there unused does not
    own = here / "own_nets.py"
    own.write_text("from helper import width\nimport torch\n" + own.read_text())
    (here / "helper.py").write_text("width = 1\n")
    first = factory_hash("own_nets:net")
    (here / "unused.py").write_text("a = 1\n")
    assert factory_hash("own_nets:net") == first
    (here / "helper.py").write_text("width = 2\n")
    assert factory_hash("own_nets:net") != first
    # a folder of that name without Python in it, as for weights, is no package
    (here / "elsewhere").mkdir()
    assert factory_hash("elsewhere.nets:net") == "missing"
    package = here / "own_package"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "deep" / "__init__.py").touch()
    (package / "deep" / "nets.py").write_text("from .helper import b\nfrom ..side import c\n")
    (package / "deep" / "helper.py").write_text("b = 1\n")
    (package / "side.py").write_text("c = 1\n")
    (package / ".#nets.py").symlink_to("nowhere")
    before = factory_hash("own_package.deep.nets:net")
    (package / "side.py").write_text("c = 2\n")
    assert factory_hash("own_package.deep.nets:net") != before
    before = factory_hash("own_package.deep.nets:net")
    (package / "deep" / "helper.py").write_text("b = 2\n")
    assert factory_hash("own_package.deep.nets:net") != before
    assert factory_hash("nowhere.nets:net") == "missing"
