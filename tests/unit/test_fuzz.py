"""Files that people and disks spoil, drawn at random: one sentence or success, and nothing else."""

import copy
import json
import math
import random
import time
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch
import yaml
from repository import ROOT

from intriguing import experiment, networks
from intriguing.artifacts import adversarial, bounds
from intriguing.artifacts.dataset import open_dataset, write_dataset
from intriguing.artifacts.files import read_json, read_table, write_arrays, write_table
from intriguing.artifacts.model import ModelFiles, save
from intriguing.attacks import AdversarialSet
from intriguing.datasets import load as load_dataset
from intriguing.errors import ExperimentError, IntriguingError
from intriguing.experiment import paths
from intriguing.networks.given_weights import load_weights
from intriguing.networks.trained import load

SCHEMA = ROOT / "workflow/schemas/experiment.schema.yaml"
EXPERIMENTS = [path.read_text() for path in sorted((ROOT / "config/experiments").glob("*.yaml"))]
# each is a block of files; CONFIGS * BLOCKS of them, and as many damaged ones
BLOCKS, CONFIGS, DAMAGED = 8, 60, 60

VALUES = [
    *(None, True, False, 0, -1, 1, 2, 0.5, 1e-320, 10**30, -(10**30), 1e308, math.nan, math.inf),
    *("", "x", "é", "e\u0301", "\u202e", "\0", "\n", "a" * 10_000, "../../etc/passwd", "/", "1e-4"),
    *(
        "{wildcard}",
        "{0}",
        "%s",
        "null",
        "yes",
        "lbfgs",
        "any",
        "test",
        "P1",
        "digits",
        "os:system",
    ),
    *([], {}, [[]], [{}], [None], ["x", "x"], [1, 2, 3], [-1], [10**9], list(range(1000))),
    *({"a": 1}, {"": ""}, {"class": "x"}, {"class": None}, {"lbfgs": {}}, {"working_set": {}}),
]
SNIPPETS = [
    *("\t", "[", "]", "{", "}", ":", "- ", "? ", "&a ", "*a", "<<: *a\n", "~", "|", "> ", "@", "`"),
    *("!!python/object/apply:os.system ['touch pwned']\n", "!!python/name:os.system ", "!x y"),
    *(
        "? [a]\n: b\n",
        "? {a: b}\n: c\n",
        "? ? ? a\n",
        "a: &a [*a]\n",
        "---\n",
        "...\n",
        "%YAML 9\n",
    ),
    *("\ufeff", "\x00", "\x07", "2024-13-45", "2024-01-01", "1:2:3", "0o9", "0x", "1_000", "#"),
    *("!!binary x", "!!set {a}", "!!timestamp x", "!!int x", "!!float x", "'", '"'),
    *("[" * 3000, "{a: " * 1500, "\n- " * 500),
]


def places(tree, path=()):
    if path:
        yield path
    keys = tree if isinstance(tree, dict) else range(len(tree) if isinstance(tree, list) else 0)
    for key in keys:
        yield from places(tree[key], (*path, key))


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def other_values(text, drawn):
    """An experiment with values, keys and parts that are changed, moved, removed."""
    tree = yaml.safe_load(text)
    for _ in range(drawn.choice([1, 1, 1, 2, 4])):
        every = list(places(tree))
        path = drawn.choice(every)
        parent, key = at(tree, path[:-1]), path[-1]
        what = drawn.randrange(6)
        if what < 2:
            parent[key] = copy.deepcopy(drawn.choice(VALUES))
        elif what == 2:
            del parent[key]
        elif what == 3 and isinstance(parent, dict):
            names = [f"{key}s", str(key)[:-1], str(key).upper(), "", "é", "a b", "../x", "1", "<<"]
            parent[drawn.choice(names)] = parent.pop(key)
        elif what == 4:
            parent[key] = copy.deepcopy(at(tree, drawn.choice(every)))
        else:
            parent[key] = drawn.choice([{"x": parent[key]}, [parent[key]]])
    return yaml.safe_dump(tree, allow_unicode=True)


def other_text(text, drawn):
    """An experiment with text that is inserted, lost, moved."""
    for _ in range(drawn.choice([1, 1, 2, 3])):
        place, other = drawn.randrange(len(text) + 1), drawn.randrange(len(text) + 1)
        what = drawn.randrange(4)
        if what == 0:
            text = text[:place] + drawn.choice(SNIPPETS) + text[place:]
        elif what == 1:
            text = text[:place] + text[place + drawn.randrange(1, 40) :]
        elif what == 2:
            text = (
                text[:place] + chr(drawn.choice([drawn.randrange(0x2FF), 0x1F600])) + text[place:]
            )
        else:
            text = text[:place] + text[other : other + 80] + text[place:]
    return text


def ask_everything(found):
    """What the rules ask of an experiment before any job starts."""
    paths.everything(found)
    for model in found.every_model:
        found.training(model), found.weights_of_model(model)
    for attack in found.attacks:
        found.attack(attack), found.shards(attack), found.sample(attack)
    for network in found.lipschitz["networks"]:
        found.weights_of_network(network)
    for model in found.units["models"] if found.has_units else ():
        found.units_of(model)
    paths.noise_sets(found, SimpleNamespace(seed=str(found.seeds[0])))


@pytest.mark.parametrize("block", range(BLOCKS))
def test_experiments(tmp_path, monkeypatch, block):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"
    refused = 0
    for seed in range(block * CONFIGS, (block + 1) * CONFIGS):
        drawn = random.Random(seed)
        spoil = drawn.choice([other_values, other_text])
        text = spoil(drawn.choice(EXPERIMENTS), drawn)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            ask_everything(experiment.read(path, SCHEMA))
        except ExperimentError as error:
            refused += 1
            assert str(path) in str(error), seed
            assert "\n" not in str(error) and len(str(error)) < 600, seed
    assert refused > CONFIGS / 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]  # nothing was run


BOMB = "title: t\na: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "stands for more than"),
        ("a: &a [*a]\n", "stands for more than"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "[" * 40 + "]" * 40, "nested too deeply"),
        ("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n", "given twice"),
        ("? [a, b]\n: c\n", "key of several values is not text"),
        ("a: 2024-13-45\n", "put that value in quotes"),
        ("a: !!python/object/apply:os.system ['touch pwned']\n", "could not determine"),
    ],
    ids=[
        "bomb",
        "alias of itself",
        "deep",
        "deeper",
        "merged twice",
        "list as key",
        "month 13",
        "Python",
    ],
)
def test_yaml_that_is_not_meant_well(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    start = time.monotonic()
    with pytest.raises(ExperimentError, match=rf"mine.yaml.*{words}"):
        experiment.read(path, SCHEMA)
    assert time.monotonic() - start < 10
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_merge_keys_and_aliases_are_written_out(tmp_path):
    path = tmp_path / "mine.yaml"
    lines = ["title: t", "data: {name: digits}", "models:"]
    lines += ["  one: &common {label: one, architecture: softmax, weight_decay: &decay [1.0e-3]}"]
    lines += ["  two: {<<: *common, label: two}"]
    lines += ["  three:", "    <<: *common", "    label: three", "    weight_decay: [0.1]"]
    lines += ["  four: {label: four, architecture: softmax, weight_decay: *decay}"]
    lines += ["  five: &five {<<: *common, label: five, weight_decay: [0.5]}"]
    # merged twice over, from one that has a key of its own in place of a merged one
    lines += ["  six: {<<: *five, label: six}"]
    lines += ["attacks: {lbfgs: {count: 20}}"]
    path.write_text("\n".join(lines))
    models = experiment.read(path, SCHEMA).models
    assert [entry["label"] for entry in models.values()] == list(models)
    decays = [entry["weight_decay"] for entry in models.values()]
    assert decays == [[1e-3], [1e-3], [0.1], [1e-3], [0.5], [0.5]]
    assert models["one"]["weight_decay"] is not models["four"]["weight_decay"]


def network():
    torch.manual_seed(0)
    return networks.build("fully_connected", (1, 8, 8), 10, hidden=[5])


def written_model(folder):
    options = {"hidden": [5], "activation": "sigmoid"}
    settings = {
        "architecture": "fully_connected",
        "options": options,
        "input_shape": [1, 8, 8],
        "classes": 10,
        "class_names": list("0123456789"),
        "positive": None,
    }
    arrays = {name: value.numpy() for name, value in network().state_dict().items()}
    save(folder, ModelFiles(arrays, settings, {"errors": {}}, [], {}))
    return folder / "weights.safetensors"


def written_dataset(folder):
    path = folder / "dataset.safetensors"
    write_dataset(path, load_dataset("digits"), parts=["P1", "P2"], seed=0)
    return path


def written_set(folder):
    path = folder / "set.safetensors"
    rows = {name: np.zeros(4, dtype=np.float64) for name in adversarial.ARRAYS}
    rows |= {name: np.ones(4, dtype=bool) for name in ("success", "already_wrong")}
    rows["images"] = np.zeros((4, 1, 8, 8), dtype=np.float32)
    settings = {"method": "lbfgs", "split": "test", "targets": "next", "labels": "labels"}
    settings |= {"margin": 1e-4, "levels": None, "digest": "0"}
    write_arrays(path, rows, settings)
    return path


def written_bounds(folder):
    path = folder / "bounds.safetensors"
    bounds.save(path, dict.fromkeys(bounds.NUMBERS, 1.5), np.ones((10, 10)))
    return path


def written_table(folder):
    path = folder / "table.csv"
    write_table(path, pandas.DataFrame({"model": ["a", "b"], "errors": [1, 2], "x": [0.5, None]}))
    return path


def written_state(folder):
    folder.mkdir()
    path = folder / "state.pt"
    torch.save(network().state_dict(), path)
    return path


def read_dataset(path):
    data = open_dataset(path)
    data.split("P1"), data.sample("test", 20), data.class_names, data.digest


KINDS = {
    "weights": (written_model, lambda path: load(path.parent)),
    "data": (written_dataset, read_dataset),
    "adversarial set": (
        written_set,
        lambda path: (AdversarialSet.load(path), adversarial.summary(path, np.arange(4))),
    ),
    "bounds": (written_bounds, bounds.read),
    "table": (written_table, read_table),
    "a user's weights": (written_state, lambda path: load_weights(network(), path)),
}


def damaged(content, drawn):
    """A file with bits, bytes or ends that are not its own, or another file."""
    what = drawn.randrange(6)
    if what == 0:
        return content[: drawn.randrange(len(content))]
    if what == 1:
        return drawn.choice([b"", b"{}", b"null\n", b"PK\x03\x04", b"\x89PNG\r\n", b"<html>"])
    if what == 2:
        return drawn.randbytes(drawn.randrange(3000))
    if what == 3:
        return content + drawn.randbytes(drawn.randrange(1, 100))
    spoilt = bytearray(content)
    # the header is where a byte means most
    end = len(spoilt) if drawn.random() < 0.3 else min(len(spoilt), 700)
    for _ in range(drawn.choice([1, 1, 2, 20])):
        spoilt[drawn.randrange(end)] = drawn.randrange(256)
    return bytes(spoilt)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    write, read = KINDS[kind]
    path = write(tmp_path / "folder")
    content = path.read_bytes()
    read(path)
    refused = 0
    for seed in range(BLOCKS * DAMAGED // len(KINDS)):
        drawn = random.Random(f"{kind} {seed}")
        path.write_bytes(damaged(content, drawn))
        try:
            read(path)
        except IntriguingError as error:
            refused += 1
            assert path.name in str(error) or str(path.parent) in str(error), seed
            assert "\n" not in str(error) and len(str(error)) < 600, seed
    assert refused > 10


def test_json_that_is_not_ours(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"a": 1}))
    assert read_json(path) == {"a": 1}
    for content in (b"\xff\xfe", b"[" * 100_000, b"{", b""):
        path.write_bytes(content)
        with pytest.raises(IntriguingError, match=r"metrics.json is truncated"):
            read_json(path)
