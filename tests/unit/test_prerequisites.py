"""What an experiment needs besides its file, and the sentences about what is missing."""

import copy
import sys
import textwrap
import unicodedata
from pathlib import Path

import pytest
import yaml
from repository import ROOT

from intriguing import experiment
from intriguing.datasets.root import ROOT_VARIABLE
from intriguing.errors import ExperimentError
from intriguing.experiment import prerequisites

SCHEMA = ROOT / "workflow" / "schemas" / "experiment.schema.yaml"
LINEAR = {"label": "linear", "architecture": "softmax"}
OWN = {"label": "own", "factory": "own_nets:net"}
FOLDER = {"name": "image_folder", "folder": "photos", "root": "."}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The working directory: 3 classes of 10 images, and a module with a factory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    for name in ("cat", "dog", "café"):
        folder = tmp_path / "photos" / unicodedata.normalize("NFD", name)
        folder.mkdir(parents=True)
        for number in range(10):
            (folder / f"{number}.png").touch()
    (tmp_path / "own_nets.py").write_text("def net(input_shape, classes):\n    pass\n")
    return tmp_path


def check(here, data=None, models=None, attacks=None, **more):
    settings = {"title": "t", "data": data or {"name": "digits"}, "models": models or {"m": LINEAR}}
    settings |= {"attacks": attacks or {"a": {"count": 10}}, **more}
    path = here / "trial.yaml"
    path.write_text(yaml.safe_dump(copy.deepcopy(settings)))
    prerequisites.check(experiment.read(path, SCHEMA))


def refused(here, words, **settings):
    with pytest.raises(ExperimentError, match=words) as caught:
        check(here, **settings)
    assert "\n" not in str(caught.value)


def attack(count, split="train", **more):
    return {"a": {"count": count, "split": split, **more}}


# 1797 digits, of which 359 are held out; the next number is refused
@pytest.mark.parametrize(
    ("data", "split", "most"),
    [
        ({}, "train", 1438),
        ({}, "test", 359),
        ({}, "P1", 719),
        ({"parts": ["A", "B", "C"]}, "B", 479),
        ({"train_count": 500}, "train", 500),
        ({"train_count": 501}, "P2", 250),
        ({"test_count": 50}, "test", 50),
        ({"test_fraction": 0.5}, "test", 898),
        ({"name": "mnist"}, "train", 60000),
        ({"name": "mnist"}, "test", 10000),
        ({"name": "cifar10"}, "P1", 25000),
        (FOLDER, "train", 24),
        (FOLDER, "test", 6),
    ],
)
def test_more_images_than_there_are(here, data, split, most):
    data = {"name": "digits"} | data
    check(here, data=data, attacks=attack(most, split))
    words = rf"attacks\.a\.count: {most + 1} is more than the {most} images of split '{split}'"
    refused(here, words, data=data, attacks=attack(most + 1, split))


def test_images_of_the_class_that_others_are_moved_to_do_not_count(here):
    # 36 of the 359 test images are of class 1 (of 182, 0.2 are held out)
    one = {"targets": {"class": "1"}}
    check(here, attacks=attack(323, "test", **one))
    words = r"324 is more than the 323 images that are not of class '1' of split 'test': lower it"
    refused(here, words, attacks=attack(324, "test", **one))
    # which images a subset has is not known
    check(here, data={"name": "digits", "test_count": 350}, attacks=attack(349, "test", **one))


@pytest.mark.parametrize("split, most", [("train", 1438), ("test", 359)])
def test_subsets_that_are_too_large(here, split, most):
    check(here, data={"name": "digits", f"{split}_count": most})
    words = rf"data\.{split}_count: {most + 1} is more than the {most} images of the {split} set"
    refused(here, words, data={"name": "digits", f"{split}_count": most + 1})


@pytest.mark.parametrize(
    ("data", "right", "wrong", "advice"),
    [
        ({"name": "digits"}, "7", "seven", "choose one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ({"name": "cifar10"}, "automobile", "automobil", "did you mean 'automobile'?"),
        ({"name": "mnist"}, "7 - seven", "7", "choose one of 0 - zero, "),
        (FOLDER, "café", "dogs", "did you mean 'dog'?"),
    ],
)
def test_a_class_that_the_data_do_not_have(here, data, right, wrong, advice):
    check(here, data=data, models={"m": LINEAR | {"positive": right}}, attacks=attack(5))
    check(here, data=data, attacks=attack(5, targets={"class": right}))
    words = f": the data have no class '{wrong}'; {advice}"
    of_model = {"m": LINEAR | {"positive": wrong}}
    refused(here, rf"models\.m\.positive{words}", data=data, models=of_model, attacks=attack(5))
    of_attack = attack(5, targets={"class": wrong})
    refused(here, rf"attacks\.a\.targets\.class{words}", data=data, attacks=of_attack)


def test_a_folder_that_does_not_exist(here, monkeypatch):
    data = {"name": "image_folder", "folder": "images"}
    refused(
        here, r"data/images does not exist: correct data.folder or data.root, or put", data=data
    )
    own = data | {"root": "."}
    refused(here, r"^data.folder: images does not exist: correct data.folder or data.r", data=own)
    absolute = data | {"folder": f"{here}/images"}
    refused(here, r"images does not exist: correct data.folder, or put", data=absolute)
    monkeypatch.setenv(ROOT_VARIABLE, "/elsewhere")
    words = r"^data.folder: /elsewhere/images does not exist: correct data.folder or the environ"
    refused(here, rf"{words}.* {ROOT_VARIABLE}, or set data.root", data=data)
    refused(here, r"^data.folder: images does not exist: correct data.folder or data.r", data=own)
    # where the root is given, the variable changes nothing
    check(here, data=FOLDER, attacks=attack(5))


def test_an_unusual_folder_is_left_to_its_job(here):
    (here / "photos").rename(here / "Train")
    (here / "photos").mkdir()
    (here / "Train").rename(here / "photos" / "Train")
    check(here, data=FOLDER, models={"m": LINEAR | {"positive": "x"}}, attacks=attack(10**6))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def net(shape, classes, *, width=1, depth=2, a=3): pass", "; did you mean 'width'"),
        ("def net(shape, classes, width=1): pass", "; choose one of width"),
        ("def net(shape, classes): pass", "; remove it"),
        ("def net(shape, classes, **options): pass", None),
        ("@print\ndef net(shape, classes): pass", None),
        ("def net(shape, classes): pass\nnet = print", None),
        ("def net(shape, classes): pass\nfrom os import path as net", None),
        ("def net(shape, classes, *, widths): pass", None),
    ],
)
def test_options_that_a_factory_does_not_take(here, source, words):
    (here / "own_nets.py").write_text(source)
    models = {"o": OWN | {"options": {"widths": 3}}}
    if words:
        refused(here, rf"models\.o\.options: net takes no option 'widths'{words}", models=models)
    else:
        check(here, models=models)


def test_weights_that_do_not_exist(here):
    weights = "w" * 200 + ".pt"
    words = (
        rf"models\.o\.weights: there is no file {'w' * 80}…: correct the path, which is relative"
    )
    refused(here, words, models={"o": OWN | {"weights": weights}})
    network = {"label": "n", "architecture": "alexnet", "weights": "w.pt"}
    words = r"lipschitz\.networks\.n\.weights: there is no file w.pt: correct"
    refused(here, words, lipschitz={"networks": {"n": network}})
    (here / "w.pt").touch()
    check(here, models={"o": OWN | {"weights": "w.pt"}}, lipschitz={"networks": {"n": network}})
    check(here, models={"o": OWN | {"weights": "as_built"}})


def test_a_module_that_does_not_exist(here):
    words = r"models\.o\.factory: unknown module own_net: correct the name, install its package"
    refused(here, words, models={"o": OWN | {"factory": "own_net:net"}})


SOURCE = """
    import importlib, os.path
    from torch.nn import Linear as dense, Module
    if True:
        def small(input_shape, classes): ...
    else:
        large = None
    try:
        import fast
    except ImportError:
        fast = None
    with open(os.devnull) as opened:
        first, *rest = range(3)
    class Net(Module):
        def method(self):
            local = 1
    async def later(): ...
    wide: object = None
    for number in range(3):
        (walrus := number)
"""
DEFINED = ("importlib", "os", "dense", "Module", "small", "large", "fast", "opened", "first")
DEFINED += ("rest", "Net", "later", "wide", "number", "walrus")


@pytest.mark.parametrize("name", DEFINED)
def test_whatever_a_module_defines_may_be_a_factory(here, name):
    (here / "own_nets.py").write_text(textwrap.dedent(SOURCE))
    check(here, models={"o": OWN | {"factory": f"own_nets:{name}"}})


@pytest.mark.parametrize("name", ["method", "local", "Linear", "input_shape", "path"])
def test_a_function_that_a_module_does_not_define(here, name):
    (here / "own_nets.py").write_text(textwrap.dedent(SOURCE))
    words = rf"models\.o\.factory: own_nets\.py has no function '{name}'; "
    refused(here, words, models={"o": OWN | {"factory": f"own_nets:{name}"}})


def test_a_misspelt_function(here):
    source = "".join(f"def {name}(input_shape, classes): ...\n" for name in ("a", "b", "residual"))
    (here / "own_nets.py").write_text(source)
    words = r"has no function 'residul'; did you mean 'residual'\?"
    refused(here, words, models={"o": OWN | {"factory": "own_nets:residul"}})
    (here / "own_nets.py").write_text("")
    refused(here, r"has no function 'net'; define it there", models={"o": OWN})
    # in a package, and without importing anything
    package = here / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError\n")
    (package / "nets.py").write_text("def net(): ...\n")
    check(here, models={"o": OWN | {"factory": "own_package.nets:net"}})
    words = r"nets.py has no function 'nett'; choose one of net"
    refused(here, words, models={"o": OWN | {"factory": "own_package.nets:nett"}})
    assert not any(name.startswith("own_") for name in sys.modules)


@pytest.mark.parametrize(
    "source",
    [
        "from torchvision.models import *",
        "def __getattr__(name): ...",
        "__getattr__, __dir__, __all__ = attach(__name__)",
        "globals()['net'] = print",
        "import sys\nsetattr(sys.modules[__name__], 'net', print)",
        "def define():\n    global net\n    net = print",
        "exec('net = print')",
        "def net(:",
    ],
)
def test_what_cannot_be_known_is_left_to_the_job(here, source):
    (here / "own_nets.py").write_text(source)
    check(here, models={"o": OWN})


def test_a_package_that_no_folder_of_the_path_holds(here, monkeypatch):
    """As setuptools installs some packages with ``pip install --editable``."""
    package = here / "away" / "own_project"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "nets.py").write_text("def net(): ...\n")

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            from importlib.util import spec_from_file_location

            source = str(package / "__init__.py")
            return spec_from_file_location(name, source) if name == "own_project" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    check(here, models={"o": OWN | {"factory": "own_project.nets:net"}})
    words = "has no function 'x'"
    refused(here, words, models={"o": OWN | {"factory": "own_project.nets:x"}})
    refused(here, "unknown module", models={"o": OWN | {"factory": "own_project.net:x"}})


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "experiments").glob("*.yaml")))
def test_the_experiments_of_the_repository_have_what_can_be_known(path):
    made = experiment.read(path, SCHEMA)
    if made.data["name"] == "image_folder":
        Path("data", made.data["folder"]).mkdir(parents=True)
    prerequisites.check(made)
