"""Models and adversarial sets that checkouts share: found, never stale, never damaged."""

import re
import shutil

import pytest
import yaml
from copies import Copy
from repository import ROOT

MANIFEST = "results/small/SHA256SUMS"
ATTACKS = ("lbfgs", "nearest")
BOUNDS = "results/small/lipschitz/sigmoid/seed0/bounds.safetensors"
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
    """The small experiment with two seeds, and two models that differ in nothing but the name."""
    settings = yaml.safe_load((ROOT / "benchmarks/small.yaml").read_text())
    sigmoid = settings["models"]["sigmoid"]
    settings |= {
        "seeds": [0, 1],
        "models": {"sigmoid": sigmoid, "same": sigmoid | {"label": "same"}},
    }
    copy.path("config/experiments/small.yaml").write_text(yaml.safe_dump(settings))
    return copy


def build(copy, cache, *targets):
    arguments = (*(targets or ["small"]), "--cores", 2, "--cache", "train")
    return copy.snakemake(*arguments, check=False, SNAKEMAKE_OUTPUT_CACHE=str(cache))


def jobs(copy, stage):
    """What was done in that stage: a fetched output leaves an empty log or none."""
    logs = copy.path("results/small/logs").joinpath(stage).rglob("*.log")
    return {path.stem for path in logs if path.read_text()}


def fetched(ran):
    """Outputs that were taken from the cache, of a run that told of each."""
    return set(re.findall(r"Symlinking output file results/small/(\S+) from cache", ran.stdout))


def same(*copies):
    return len({copy.path(MANIFEST).read_bytes() for copy in copies}) == 1


def test_another_checkout_trains_and_attacks_nothing(first, other, cache):
    assert jobs(first, "train") and jobs(first, "attack")
    weights = [
        first.path(f"results/small/models/{model}/seed{seed}/weights.safetensors").read_bytes()
        for model in ("sigmoid", "same")
        for seed in (0, 1)
    ]
    assert len(set(weights)) == 4  # an entry each
    ran = build(other, cache)
    assert ran.returncode == 0 and same(first, other)
    assert not jobs(other, "train") | jobs(other, "attack")
    assert {WEIGHTS, "adversarial/nearest/same/seed1.safetensors"} <= fetched(ran)
    assert other.planned("small") == first.planned("small") == {}
    # without the cache a model is made where it is, and what is in the cache stays as it is
    weights = other.path(f"results/small/{WEIGHTS}")
    stored = weights.resolve()
    before = stored.stat().st_mtime_ns
    other.snakemake(weights.parent.relative_to(other.folder), "--forcerun", "train", "--cores", 1)
    assert jobs(other, "train") and not weights.is_symlink()
    assert weights.read_bytes() == stored.read_bytes() and stored.stat().st_mtime_ns == before


def test_an_edit_of_the_library_is_not_answered_from_the_cache(other, cache):
    with other.path("src/intriguing/attacks/boundary.py").open("a") as module:
        module.write("\nEDITED = True\n")
    sets = [f"results/small/adversarial/{attack}/sigmoid/seed0.csv" for attack in ATTACKS]
    assert build(other, cache, *sets).returncode == 0
    assert not jobs(other, "train")
    assert not jobs(other, "attack/lbfgs") and jobs(other, "attack/nearest")


def inside(cache, first, name):
    """Where a copy of the cache holds what the first copy stored."""
    stored = first.path(f"results/small/{name}").resolve()
    return cache / stored.relative_to(first.folder.with_name("cache"))


def test_what_is_damaged_in_the_cache_is_made_again(first, other, cache):
    damaged = inside(cache, first, WEIGHTS)
    content = bytearray(damaged.read_bytes())
    content[-20] ^= 1
    damaged.write_bytes(content)
    ran = build(other, cache, BOUNDS)
    assert ran.returncode != 0 and "Traceback" not in ran.stdout
    assert "results/small/models/sigmoid/seed0 changed after the workflow wrote it" in ran.stdout
    assert not damaged.exists()
    assert build(other, cache, BOUNDS).returncode == 0
    assert other.path(BOUNDS).read_bytes() == first.path(BOUNDS).read_bytes()
    assert damaged.read_bytes() == first.path(f"results/small/{WEIGHTS}").read_bytes()


def test_an_entry_that_is_stored_by_half(first, other, cache):
    """As if the run before had been killed in between, or two stored it at once."""
    inside(cache, first, "digests/models/sigmoid/seed0.sha256").unlink()
    assert build(other, cache, BOUNDS).returncode == 0
    assert jobs(other, "train")
    assert other.path(BOUNDS).read_bytes() == first.path(BOUNDS).read_bytes()


def test_a_cache_that_was_deleted(first, other, cache):
    assert build(other, cache, BOUNDS).returncode == 0
    shutil.rmtree(cache)
    cache.mkdir()
    other.path(BOUNDS).unlink()
    ran = build(other, cache, BOUNDS)
    assert ran.returncode != 0 and "Traceback" not in ran.stdout
    assert "results/small/models/sigmoid/seed0 is missing: run snakemake again" in ran.stdout
    assert build(other, cache, BOUNDS).returncode == 0
    assert other.path(BOUNDS).read_bytes() == first.path(BOUNDS).read_bytes()


@pytest.mark.parametrize("place", ["", "relative", "/nowhere"])
def test_a_cache_that_cannot_be(sources, place):
    arguments = ("-n", "smoke", "--cache", "train")
    ran = sources.snakemake(*arguments, check=False, SNAKEMAKE_OUTPUT_CACHE=place)
    assert ran.returncode != 0
    assert "--cache needs the absolute path of a folder that exists" in ran.stdout
    assert "Traceback" not in ran.stdout
