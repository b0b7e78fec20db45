"""What python -m build gives: a wheel with the library, and an archive that make works in."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string

import pytest
import yaml
from copies import TRAINED, Copy
from repository import ROOT

import intriguing

# what a checkout has beside its sources
NOT_SOURCES = (
    *(".git", ".venv", ".snakemake", ".verify", ".hypothesis", "data", "shared", "build", "dist"),
    *("__pycache__", "*.egg-info", ".*_cache", "_build"),
)
# needed by nobody but who changes the project
OF_A_CHECKOUT = {".ci", ".github", ".gitignore", ".pre-commit-config.yaml"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the whole repository, without results."""
    folder = tmp_path_factory.mktemp("packages") / "repository"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    for path in (folder / "results").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    return folder


@pytest.fixture(scope="module")
def packages(checkout):
    """The folder with both; they are made without a network, by the setuptools that are here."""
    folder = checkout.parent / "dist"
    names = files_of(checkout)
    run("-m", "build", "--no-isolation", "--outdir", folder, checkout)
    # setuptools leaves its list of files
    assert {name.split("/")[1] for name in files_of(checkout) - names} == {"intriguing.egg-info"}
    return folder


def files_of(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in paths}


def run(*arguments):
    ran = subprocess.run([sys.executable, *arguments], text=True, capture_output=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(packages):
    (path,) = packages.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(packages, tmp_path_factory):
    """The archive of the sources, unpacked."""
    (path,) = packages.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    (only,) = folder.iterdir()
    return only


def test_a_wheel_is_the_library_and_nothing_else(wheel, checkout):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        source = {f"intriguing/{name}" for name in files_of(checkout / "src" / "intriguing")}
        assert names == source and {"intriguing/py.typed", "intriguing/registry.toml"} < names
        for name in names:
            assert archive.read(name) == (checkout / "src" / name).read_bytes()


def test_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition(".dist-info/")[2]: name for name in archive.namelist()}
        header, _, readme = archive.read(names["METADATA"]).decode().partition("\n\n")
        assert archive.read(names["licenses/LICENSE"]) == (ROOT / "LICENSE").read_bytes()
    metadata = message_from_string(header)
    assert metadata["Name"] == "intriguing" and metadata["License-Expression"] == "MIT"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.M).group(1)
    assert metadata["Version"] == intriguing.__version__ == citation["version"] == newest
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert readme.strip() == (ROOT / "README.md").read_text().strip()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(metadata.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    required = metadata.get_all("Requires-Dist")
    assert {text for text in required if "extra ==" not in text} == set(project["dependencies"])


def test_an_archive_of_the_sources_is_complete(unpacked, checkout):
    there = {name for name in files_of(checkout) if name.split("/")[0] not in OF_A_CHECKOUT}
    missing = {name for name in there - files_of(unpacked) if ".egg-info/" not in name}
    assert not missing
    assert not [name for name in files_of(unpacked) if name.endswith((".pyc", ".safetensors"))]
    # the workflow runs in it
    assert Copy(unpacked).planned("smoke")["train"] == TRAINED


BARE = """
import sys

FORBIDDEN = {forbidden}
# as if they were not installed
sys.modules.update(dict.fromkeys(FORBIDDEN))
sys.path.insert(0, {folder!r})
"""
LIBRARY = """
import intriguing
import torch
from intriguing.attacks import AdversarialSet, choose_targets, lbfgs, minimum_distortion
from intriguing.lipschitz import certified_radii, check_no_example_inside, network_bounds
from torch import nn

assert intriguing.__file__.startswith(sys.path[0]), intriguing.__file__
torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).eval()
images = torch.rand(6, 1, 8, 8)
labels = model(images).argmax(1)
targets = choose_targets("next", model, images, labels)
for found in (lbfgs(model, images, labels, targets), minimum_distortion(model, images, labels)):
    assert found.success.all() and (model(found.images).argmax(1) != labels).all()
found.save("found.safetensors")
assert AdversarialSet.load("found.safetensors").distortion.equal(found.distortion)
bounds = network_bounds(model, (1, 8, 8), images)
check_no_example_inside(found, images, certified_radii(model, images, labels, bounds))
"""
NEEDING_AN_EXTRA = """
from intriguing import experiment
from intriguing.datasets import load
from intriguing.networks import build

for needing in (
    lambda: load("digits"),
    lambda: load("mnist"),
    lambda: build("torchvision_alexnet", (3, 224, 224), 1000),
    lambda: experiment.read("own.yaml", "schema.yaml"),
    lambda: network_bounds(model, (1, 8, 8), images, lipsdp=True),
):
    try:
        needing()
    except intriguing.errors.IntriguingError as error:
        print(error)
"""
# the packages that the extras bring, by the names under which they are imported
EXTRAS = {
    *("PIL", "sklearn", "torchvision", "jsonschema", "matplotlib", "psutil", "yaml", "seaborn"),
    *("snakemake", "tabulate", "cvxpy", "scs"),
}


def test_the_library_alone(wheel, tmp_path):
    folder = tmp_path / "installed"
    run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel)
    script = tmp_path / "script.py"
    bare = BARE.format(forbidden=EXTRAS, folder=str(folder))
    script.write_text(bare + LIBRARY + NEEDING_AN_EXTRA)
    ran = subprocess.run(
        [sys.executable, "-I", script], cwd=tmp_path, text=True, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "scikit-learn is not installed: pip install 'intriguing[data]'",
        "torchvision is not installed: pip install 'intriguing[data]'",
        "torchvision is not installed: pip install 'intriguing[data]'",
        "yaml is not installed: pip install 'intriguing[workflow]'",
        "LipSDP needs cvxpy and scs: pip install 'intriguing[lipsdp]'",
    ]
