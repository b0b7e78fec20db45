"""Models and adversarial sets that checkouts share: found, never stale, never damaged."""

import shutil
from pathlib import Path

import pytest
from copies import Copy
from repository import ROOT

MANIFEST = "results/small/SHA256SUMS"
WEIGHTS = "models/sigmoid/seed0/weights.safetensors"


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A copy whose small experiment is built, and is in the cache beside it."""
    folder = tmp_path_factory.mktemp("first") / "repository"
    folder.mkdir()
    copy = with_small(Copy.of_repository(folder))
    folder.with_name("cache").mkdir()
    assert build(copy, folder.with_name("cache")).returncode == 0
    return copy


@pytest.fixture
def other(sources):
    """A copy in which nothing is built."""
    return with_small(sources)


@pytest.fixture
def cache(first, tmp_path):
    """What the first copy put into its cache."""
    return shutil.copytree(first.folder.with_name("cache"), tmp_path / "cache")


def with_small(copy):
    shutil.copy2(ROOT / "benchmarks/small.yaml", copy.path("config/experiments"))
    return copy


def build(copy, cache):
    arguments = ("small", "--cores", 2, "--cache", "train")
    return copy.snakemake(*arguments, check=False, SNAKEMAKE_OUTPUT_CACHE=str(cache))


def jobs(copy, stage):
    """What was done in that stage: a fetched output leaves an empty log or none."""
    logs = copy.path("results/small/logs").joinpath(stage).rglob("*.log")
    return {path.stem for path in logs if path.read_text()}


def same(*copies):
    return len({copy.path(MANIFEST).read_bytes() for copy in copies}) == 1


def test_another_checkout_trains_and_attacks_nothing(first, other, cache):
    assert jobs(first, "train") and jobs(first, "attack")
    assert build(other, cache).returncode == 0
    assert same(first, other)
    assert not jobs(other, "train") | jobs(other, "attack")
    assert other.planned("small") == first.planned("small") == {}
    # without the cache a model is made where it is, and what is in the cache stays as it is
    weights = other.path(f"results/small/{WEIGHTS}")
    stored = weights.resolve()
    before = stored.stat().st_mtime_ns
    other.snakemake(weights.parent.relative_to(other.folder), "--forcerun", "train", "--cores", 1)
    assert jobs(other, "train") == {"seed0"} and not weights.is_symlink()
    assert weights.read_bytes() == stored.read_bytes() and stored.stat().st_mtime_ns == before


def test_an_edit_of_the_library_is_not_answered_from_the_cache(other, cache):
    with other.path("src/intriguing/attacks/boundary.py").open("a") as module:
        module.write("\nEDITED = True\n")
    assert build(other, cache).returncode == 0
    assert not jobs(other, "train")
    assert not jobs(other, "attack/lbfgs") and jobs(other, "attack/nearest")


def test_what_is_damaged_in_the_cache_is_made_again(first, other, cache):
    entry = first.path(f"results/small/{WEIGHTS}").resolve().parent.name
    damaged = cache / entry / Path(WEIGHTS).name
    content = bytearray(damaged.read_bytes())
    content[-20] ^= 1
    damaged.write_bytes(content)
    # the sets would be taken from the cache: bounds are made from the weights
    ran = build(other, cache)
    assert ran.returncode != 0 and "Traceback" not in ran.stdout
    assert "results/small/models/sigmoid/seed0 changed after the workflow wrote it" in ran.stdout
    assert not damaged.exists()
    assert build(other, cache).returncode == 0
    assert same(first, other) and damaged.exists()


@pytest.mark.parametrize("place", ["", "relative", "/nowhere"])
def test_a_cache_that_cannot_be(sources, place):
    arguments = ("-n", "smoke", "--cache", "train")
    ran = sources.snakemake(*arguments, check=False, SNAKEMAKE_OUTPUT_CACHE=place)
    assert ran.returncode != 0
    assert "--cache needs the absolute path of a folder that exists" in ran.stdout
    assert "Traceback" not in ran.stdout
