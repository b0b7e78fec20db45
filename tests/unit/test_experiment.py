import copy
from types import SimpleNamespace

import pytest
import yaml
from repository import ROOT

from intriguing import experiment
from intriguing.errors import ExperimentError
from intriguing.experiment import loader, paths

SCHEMA = ROOT / "workflow" / "schemas" / "experiment.schema.yaml"
MINIMAL = {
    "title": "t",
    "data": {"name": "digits"},
    "models": {
        "net": {
            "label": "net",
            "architecture": "fully_connected",
            "options": {"hidden": [5]},
        }
    },
}


def read(tmp_path, settings):
    path = tmp_path / "trial.yaml"
    path.write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))
    return experiment.read(path, SCHEMA)


DECAYED = {"weight_decay": [1.0]}
ADAM = {"adam": {}}
CONTRACTIVE_ALEXNET = {
    "label": "n",
    "architecture": "alexnet_style",
    "training": ADAM,
    "contraction": {"constant": 1},
}
CHANNELS = {"options": {"channels": [3]}}


def changed(keys, value, **of_model):
    settings = copy.deepcopy(MINIMAL)
    settings["models"]["net"] |= of_model
    place = settings
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = value
    return settings


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "experiments").glob("*.yaml")))
def test_the_experiments_of_the_repository_are_valid(path):
    assert experiment.read(path, SCHEMA).name == path.stem


def test_defaults_are_filled_in_at_every_level(tmp_path):
    made = read(tmp_path, MINIMAL)
    assert made.seeds == [0]
    assert made.data["parts"] == ["P1", "P2"]
    assert made.attacks["lbfgs"]["margin"] == 1e-4
    assert made.shown_attack == "lbfgs"
    assert made.training("net")["training"]["lbfgs"]["iterations"] == 1000
    assert made.noise["standard_deviations"] == [0.1, 0.3]
    # the schema's own defaults are not shared between experiments
    made.attacks["lbfgs"]["margin"] = 1
    assert read(tmp_path, MINIMAL).attacks["lbfgs"]["margin"] == 1e-4


def test_the_number_of_shards_is_no_setting_of_the_attack(tmp_path):
    made = read(tmp_path, changed(["attacks", "lbfgs", "shards"], 7))
    assert made.shards("lbfgs") == 7
    assert made.attack("lbfgs") == read(tmp_path, MINIMAL).attack("lbfgs")


def test_training_depends_only_on_what_matters(tmp_path):
    one = read(tmp_path, MINIMAL).training("net")
    renamed = read(tmp_path, changed(["models", "net", "label"], "other")).training("net")
    assert one == renamed
    other = read(tmp_path, changed(["models", "net", "weight_decay"], [1.0, 1.0])).training("net")
    assert one != other


def test_a_models_own_training_replaces_the_common(tmp_path):
    settings = changed(["models", "net", "training"], {"adam": {"epochs": 3}})
    assert read(tmp_path, settings).training("net")["training"]["adam"]["epochs"] == 3


def test_numbers_as_people_write_them(tmp_path):
    text = yaml.safe_dump(MINIMAL) + "noise: {standard_deviations: [1e-2, 5e-1, 2]}\n"
    assert read(tmp_path, text).noise["standard_deviations"] == [0.01, 0.5, 2]


NETWORK = {"label": "other", "architecture": "torchvision_alexnet"}


def halved(trained_on=("P1", "P2"), labels=("net", "b"), attacked=None, net="train", **more):
    """Two more models, trained on parts, for Tables 3 and 4."""
    settings = copy.deepcopy(MINIMAL)
    settings["models"]["net"]["trained_on"] = net
    for name, part, label in zip(("one", "two"), trained_on, labels, strict=True):
        settings["models"][name] = MINIMAL["models"]["net"] | {"trained_on": part, "label": label}
    of_halves = {"split": "test"} | ({"models": attacked} if attacked else {})
    settings["attacks"] = {"lbfgs": {}, "on_test": of_halves}
    settings["halves"] = {"models": ["one", "two"], "attack": "on_test"}
    return settings | more


def compared(**more):
    """Units of a model, compared in the features of another."""
    settings = copy.deepcopy(MINIMAL)
    settings["models"]["other"] = MINIMAL["models"]["net"] | {"label": "other"}
    settings["units"] = {
        "models": {"net": {"layers": ["sigmoid1"]}},
        "features": {"model": "other", "layer": "sigmoid1"},
        **more,
    }
    return settings


MISTAKES = {
    "unknown key": (changed(["seed"], 3), r"trial.yaml: unknown key seed; did you mean 'seeds'\?"),
    "deep unknown key": (
        changed(["models", "net", "weight_deccay"], [1]),
        r"unknown key models.net.weight_deccay; did you mean 'weight_decay'\?",
    ),
    "unknown data": (changed(["data", "name"], "minst"), r"data.name is 'minst'; did you mean"),
    "unknown split": (
        changed(["models", "net", "trained_on"], "P3"),
        r"models.net.trained_on is 'P3', which is not a split; choose one of train, P1, P2",
    ),
    "test is not for training": (
        changed(["models", "net", "trained_on"], "test"),
        "is not a split",
    ),
    "unknown attack split": (
        changed(["attacks", "lbfgs", "split"], "valid"),
        r"attacks.lbfgs.split is 'valid', which is not a split; choose one of train, test, P1, P2",
    ),
    "wrong type": (changed(["seeds"], 3), r"seeds is 3, but has to be a list"),
    "negative": (changed(["models", "net", "weight_decay"], [-1.0, 0.0]), "weight_decay"),
    "decays": (changed(["models", "net", "weight_decay"], [1.0]), "1 values for 2 layers"),
    "missing": ({"title": "t", "models": MINIMAL["models"]}, r"data is missing: add it"),
    "missing option": (changed(["models", "net", "options"], {}), "options.hidden is missing"),
    "foreign option": (
        changed(["models", "net", "options"], {"hidden": [5], "units": 3}),
        "unknown key models.net.options.units; choose one of hidden, activation",
    ),
    "two methods": (
        changed(["training"], {"adam": {}, "lbfgs": {}}),
        "exactly one of the keys lbfgs, working_set, adam",
    ),
    "report": (changed(["report", "attack"], "fgsm"), "report.attack is 'fgsm'"),
    "untargeted lbfgs": (
        changed(["attacks", "lbfgs", "targets"], "any"),
        "attacks.lbfgs.targets is 'any', but lbfgs needs a target",
    ),
    "foreign search": (
        changed(["attacks", "lbfgs", "search"], {"rivals": 3}),
        "search.rivals does not apply to lbfgs",
    ),
    "budget": (
        changed(["attacks", "a"], {"budget": 60}),
        "budget does not apply to lbfgs",
    ),
    "candidates": (
        changed(["attacks", "a"], {"method": "minimum_distortion", "candidates": 2}),
        "candidates applies to targets: any alone",
    ),
    "shards": (
        changed(["attacks", "lbfgs"], {"count": 3, "shards": 4}),
        "shards is more than the 3 images",
    ),
    "whole number as a float": (
        changed(["attacks", "lbfgs", "shards"], 2.0),
        "shards is 2.0, but has to be a whole number",
    ),
    "infinite": (
        changed(["attacks", "lbfgs", "margin"], float("inf")),
        "margin is inf, but has to be a finite number",
    ),
    "too small": (changed(["attacks", "lbfgs", "levels"], 1), "levels is 1: give at least 2"),
    "few choices": (
        changed(["device"], "gpu"),
        "device is 'gpu'; did you mean 'cpu'?",
    ),
    "number as a name": (
        changed(["attacks", 12], {}),
        "the key '12' is not text, put it in quotes",
    ),
    "no mapping": ("- a\n", "the file is .* a mapping"),
    "syntax": ("title: [\n", r"trial.yaml is not valid YAML \(line \d+: .*\): fix that line"),
    "empty": ("# nothing\n", "is empty"),
    "unknown role": (
        changed(["models", "net", "role"], "FC100"),
        r"role is 'FC100'; did you mean 'FC10",
    ),
    "model name": (changed(["models", "FC 100"], MINIMAL["models"]["net"]), "other characters"),
    "foreign network option": (
        changed(["lipschitz", "networks", "n"], NETWORK | {"options": {"grouped": True}}),
        "lipschitz.networks.n.options has to be empty: this architecture takes no options",
    ),
    "foreign weights": (
        changed(
            ["lipschitz", "networks", "n"],
            NETWORK | {"architecture": "alexnet", "weights": "IMAGENET1K_V1"},
        ),
        "lipschitz.networks.n.weights is 'IMAGENET1K_V1', published for torchvision_alexnet only",
    ),
    "network label": (
        changed(["lipschitz", "networks", "n"], NETWORK | {"label": "net"}),
        "label 'net' twice",
    ),
    "neither": (changed(["models", "net"], {"label": "n"}), "needs either architecture or factory"),
    "both": (changed(["models", "net", "factory"], "a:b"), "needs either architecture or factory"),
    "factory": (
        changed(["models", "net"], {"label": "n", "factory": "a.b"}),
        "models.net.factory is 'a.b': give package.module:function",
    ),
    "weights and training": (
        changed(["models", "net"], {"label": "n", "factory": "a:b", "weights": "w"} | DECAYED),
        "weight_decay does not apply to a model with weights: remove weight_decay or weights",
    ),
    "sparsity": (changed(["models", "net", "sparsity"], {}), "does not apply to fully_connected"),
    "reconstruction": (
        changed(["models", "net", "reconstruction"], {}),
        "models.net.reconstruction does not apply to fully_connected",
    ),
    "a pool without a layer": (
        changed(["models", "net", "adversarial"], {"layers": ["hidden2"]}, training=ADAM),
        "models.net.adversarial.layers has 'hidden2', which does not exist: choose from input,"
        " hidden1",
    ),
    "sizes of pools": (
        changed(["models", "net", "adversarial"], {"distortions": [0.1]}, training=ADAM),
        "models.net.adversarial.distortions has 1 values for 2 pools: give one number, or one",
    ),
    "a constant of 0": (
        changed(["models", "net", "contraction"], {"constant": 0}, training=ADAM),
        "models.net.contraction.constant is 0: give more than 0",
    ),
    "two cures": (
        changed(["models", "net", "contraction"], {"constant": 1}, training=ADAM, adversarial={}),
        "models.net has adversarial and contraction: remove one of them",
    ),
    "pools under L-BFGS": (
        changed(["models", "net", "adversarial"], {}),
        r"models.net.adversarial needs mini-batches.*\{adam: \{\}\}",
    ),
    "contraction of another network": (
        changed(["models", "net"], CONTRACTIVE_ALEXNET),
        "models.net.contraction does not apply to alexnet_style",
    ),
    "channels": (
        changed(["models", "net"], {"label": "n", "architecture": "alexnet_style"} | CHANNELS),
        "models.net.options.channels",
    ),
    "folder of no folder": (
        changed(["data", "folder"], "x"),
        "data.folder does not apply to digits",
    ),
    "no folder": (changed(["data"], {"name": "image_folder"}), "data.folder is missing"),
    "target": (
        changed(["attacks", "lbfgs", "targets"], "nxt"),
        "attacks.lbfgs.targets is 'nxt'; did you mean 'next'",
    ),
    "target of another kind": (
        changed(["attacks", "lbfgs", "targets"], 3),
        "has to be text or a mapping",
    ),
    "target key": (
        changed(["attacks", "lbfgs", "targets"], {"clas": "a"}),
        "(unknown key attacks.lbfgs.targets.clas|attacks.lbfgs.targets.class is missing)",
    ),
    "class of a binary model": (
        changed(["attacks", "lbfgs", "targets"], {"class": "0"}, positive="3"),
        "is a class, but net distinguishes one class from the rest: choose another rule",
    ),
    "class of a binary model among others": (
        MINIMAL
        | {
            "models": {
                **MINIMAL["models"],
                "two": MINIMAL["models"]["net"] | {"positive": "3", "label": "two"},
            }
        }
        | {"attacks": {"lbfgs": {"targets": {"class": "0"}}}},
        "one class from the rest: list the others in attacks.lbfgs.models",
    ),
    "class of the model": (
        changed(["attacks", "lbfgs"], {"targets": {"class": "0"}, "labels": "model"}),
        "is a class, which needs labels: data",
    ),
    "models of an attack": (
        changed(["attacks", "lbfgs", "models"], ["nett"]),
        "attacks.lbfgs.models has 'nett', which is not a model; choose one of net",
    ),
    "figure": (
        changed(["report", "figure5"], {"model": "net", "attack": "fgsm"}),
        "report.figure5.attack names 'fgsm', which does not exist",
    ),
    "figure 7": (
        changed(["report", "figure7"], {"models": ["x"]}),
        "report.figure7.models names 'x', which does not exist",
    ),
    "filters": (changed(["report", "filters"], ["net"]), "report.filters names 'net'"),
    "model of halves": (
        halved(halves={"models": ["one", "twu"], "attack": "lbfgs"}),
        "halves.models has 'twu', which is not a model; did you mean 'two'",
    ),
    "one model of halves": (
        halved(halves={"models": ["one"], "attack": "lbfgs"}),
        "halves.models",
    ),
    "halves trained on everything": (
        halved(trained_on=("P1", "train")),
        "models.two.trained_on is 'train', but two is one of halves.models, which are trained on"
        " parts: choose one of P1, P2",
    ),
    "halves of one part": (
        halved(trained_on=("P1", "P1")),
        "halves.models are all trained on P1: train one of them on another part",
    ),
    "nothing but halves": (
        halved(halves={"models": ["net", "one", "two"], "attack": "on_test"}, net="P1"),
        "halves.models has all models: leave one",
    ),
    "attack of halves": (
        halved(halves={"models": ["one", "two"], "attack": "on_tset"}),
        "halves.attack is 'on_tset', which is not an attack; choose one of lbfgs, on_test",
    ),
    "attack of halves on others": (
        halved(attacked=["net", "one", "two"]),
        "attacks.on_test.models are not those of halves",
    ),
    "attack of halves in Table 1": (
        halved(report={"attack": "on_test"}),
        "report.attack is 'on_test', which is that of halves: name another",
    ),
    "no amplification": (
        halved(halves={"models": ["one", "two"], "attack": "on_test", "amplified": 0}),
        "halves.amplified is 0: give more than 0",
    ),
    "labels of halves": (
        halved(labels=("a", "a")),
        "halves.models has the label 'a' twice",
    ),
    "network with units": (
        compared(models={"nett": {"layers": ["FC1"]}}),
        "units.models has 'nett', which is not a model; choose one of net, other",
    ),
    "features of units": (
        compared(features={"model": "x", "layer": "FC1"}),
        "units.features.model has 'x', which is not a model",
    ),
    "units compared by themselves": (
        compared(features={"model": "net", "layer": "FC1"}),
        "units.features.model is 'net', whose own units are compared, and there is one seed",
    ),
    "split of units": (compared(split="valid"), "units.split is 'valid', which is not a split"),
    "family of units": (
        compared(families=["units", "gaussians"]),
        r"units\.families.* is 'gaussians'; did you mean 'gaussian'",
    ),
    "no units among the families": (compared(families=["gaussian"]), "units.families"),
    "top images": (compared(k=1), "units.k is 1"),
    "given twice": ("title: a\ntitle: b\n", "'title' is given twice"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_sentence(tmp_path, case):
    settings, words = MISTAKES[case]
    with pytest.raises(ExperimentError, match=words) as caught:
        read(tmp_path, settings)
    message = str(caught.value)
    assert "trial.yaml" in message and "\n" not in message


def test_a_weights_file_is_an_input(tmp_path):
    entry = NETWORK | {"weights": str(tmp_path / "weights.pt")}
    made = read(tmp_path, changed(["lipschitz", "networks", "n"], entry))
    assert made.weights_of_network("n") == []
    (tmp_path / "weights.pt").touch()
    assert made.weights_of_network("n") == [entry["weights"]]
    fresh = read(tmp_path, changed(["lipschitz", "networks", "n"], NETWORK))
    assert fresh.weights_of_network("n") == []
    with pytest.raises(ExperimentError, match="has no network 'm'"):
        fresh.network("m")


def test_a_model_with_weights_does_not_depend_on_the_training_of_others(tmp_path):
    path = tmp_path / "weights.pt"
    entry = {"label": "n", "factory": "a:b", "weights": str(path)}
    settings = changed(["models", "own"], entry)
    made = read(tmp_path, settings)
    assert made.training("own")["training"] is None
    assert made.weights_of_model("own") == []
    path.touch()
    assert made.weights_of_model("own") == [str(path)]
    assert made.weights_of_model("net") == []
    assert made.model("own")["factory"] == "a:b" and "factory" not in made.model("net")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"architecture": "alexnet", "weights": "as_built"}, "random weights"),
        ({"factory": "a:b", "weights": "as_built"}, "weights as built"),
        ({"architecture": "alexnet", "weights": "folder/alexnet.pt"}, "weights alexnet.pt"),
        (
            {"architecture": "torchvision_alexnet", "weights": "IMAGENET1K_V1"},
            "weights IMAGENET1K_V1",
        ),
    ],
)
def test_table5_is_given_where_weights_come_from(tmp_path, entry, words):
    settings = changed(["models", "own"], {"label": "o", **entry})
    settings["lipschitz"] = {"networks": {"n": NETWORK | {"label": "n"}}}
    shown = paths.bounded_networks(read(tmp_path, settings)).values()
    assert [network["weights"] for network in shown] == ["random weights", "", words]


def test_published_values_are_compared_on_mnist_alone(tmp_path):
    for name, same in (("mnist", True), ("fashion_mnist", False), ("digits", False)):
        made = read(tmp_path, changed(["data", "name"], name))
        assert made.has_data_of_paper == same
    folder = {"name": "image_folder", "folder": "mnist", "size": 28}
    assert not read(tmp_path, changed(["data"], folder)).has_data_of_paper


def test_an_attack_of_some_models(tmp_path):
    settings = changed(["models", "own"], MINIMAL["models"]["net"] | {"label": "o"})
    settings["attacks"] = {"all": {}, "one": {"models": ["own"], "targets": {"class": "3"}}}
    made = read(tmp_path, settings)
    assert made.models_of("all") == ["net", "own"] and made.models_of("one") == ["own"]
    assert made.attacks_of("net") == ["all"] and made.attacks_of("own") == ["all", "one"]
    assert "models" not in made.attack("one")
    settings["report"] = {"attack": "one"}
    with pytest.raises(ExperimentError, match=r"report.attack is 'one', which does not attack all"):
        read(tmp_path, settings)


def test_models_of_halves_are_shown_apart(tmp_path):
    made = read(tmp_path, halved())
    assert list(made.models) == ["net"] and list(made.halved_models) == ["one", "two"]
    assert made.models_of("lbfgs") == ["net"] and made.models_of("on_test") == ["one", "two"]
    assert made.halves["amplified"] == 0.1 and made.model("one")["trained_on"] == "P1"
    assert {"table3", "table4"} <= set(paths.tables_of(made))
    assert len(paths.shown_tables(made)) == 3 * len(paths.tables_of(made))
    without = read(tmp_path, MINIMAL)
    assert not without.has_halves and "table3" not in paths.tables_of(without)
    for ask in (paths.halves, paths.halved_folders, paths.halved_transfer):
        with pytest.raises(ExperimentError, match="trial has no halves, which Tables 3 and 4"):
            ask(without)


def test_labels_must_differ(tmp_path):
    settings = changed(["models", "other"], MINIMAL["models"]["net"])
    with pytest.raises(ExperimentError, match="label 'net' twice"):
        read(tmp_path, settings)


def test_file_names_are_checked(tmp_path):
    path = tmp_path / "My-Trial.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    with pytest.raises(ExperimentError, match="rename the file"):
        experiment.read(path, SCHEMA)
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    with pytest.raises(ExperimentError, match="make test already means something else"):
        experiment.read(path, SCHEMA)
    with pytest.raises(ExperimentError, match="does not exist"):
        experiment.read(tmp_path / "none.yaml", SCHEMA)


def test_both_endings_of_a_yaml_file(tmp_path):
    for name in ("b.yml", "a.yaml", "c.yaml", "c.yml", "README.md"):
        (tmp_path / name).write_text(yaml.safe_dump(MINIMAL))
    assert loader.names(tmp_path) == ["a", "b", "c"]
    assert experiment.read(loader.path_of(tmp_path, "b"), SCHEMA).name == "b"
    with pytest.raises(ExperimentError, match=r"c\.yaml and c\.yml have the same name: rename"):
        loader.path_of(tmp_path, "c")
    with pytest.raises(ExperimentError, match=r"none\.yaml does not exist"):
        experiment.read(loader.path_of(tmp_path, "none"), SCHEMA)


MERGED = """
title: t
data: {name: digits}
models:
  one: &base
    label: one
    architecture: softmax
    weight_decay: [0.001]
  two: {<<: *base, label: two}
  three: {<<: *base, label: three, weight_decay: [0.1]}
attacks:
  a: &attack {count: 20, split: test}
  b: {<<: [*attack, {count: 5, margin: 0.5}], targets: random}
"""


def test_anchors_and_merge_keys(tmp_path):
    made = read(tmp_path, MERGED)
    assert [model["label"] for model in made.models.values()] == ["one", "two", "three"]
    assert [model["weight_decay"] for model in made.models.values()] == [[1e-3], [1e-3], [0.1]]
    # the first of several takes precedence
    wanted = {"count": 20, "split": "test", "margin": 0.5, "targets": "random"}
    assert made.attack("b").items() >= wanted.items()
    assert made.attack("a")["margin"] != 0.5
    # each is a mapping of its own, into which defaults are filled
    assert made.model("one")["options"] is not made.model("two")["options"]
    with pytest.raises(ExperimentError, match="the key 'label' is given twice"):
        read(tmp_path, MERGED.replace("label: two", "label: two, label: too"))


LONG = "x" * 500


@pytest.mark.parametrize(
    "settings",
    [
        changed(["models", LONG], {"label": "n", "architecture": LONG}),
        changed(["models", LONG], {"label": LONG, "architecture": "softmax", "trained_on": LONG}),
        changed(["models", "net", "label"], [LONG]),
        changed(["models", "net", "factory"], f"{LONG}:a"),
        changed(["data", "parts"], [f"{LONG} {LONG}"]),
        changed(["data", LONG], 1),
        changed(["report"], {"attack": LONG}),
        changed(["report"], {"figure7": {"models": [LONG]}}),
        changed(["attacks"], {LONG: {"targets": "any"}}),
        changed(["attacks"], {LONG: {"shards": 10**6}}),
        changed(["attacks"], {"a": {"models": [LONG]}}),
        changed(["halves"], {"models": [LONG, "net"], "attack": "lbfgs"}),
        changed(["device"], LONG),
        f"title: {LONG}\n{LONG}: 1\n{LONG}: 2\n",
        f"title: [{LONG}, *{LONG}]\n",
        f"title: !{LONG} a\n",
    ],
)
def test_long_values_are_cut(tmp_path, settings):
    with pytest.raises(ExperimentError) as caught:
        read(tmp_path, settings)
    message = str(caught.value).removeprefix(str(tmp_path))
    assert "x" * 81 not in message and len(message) < 400, message


def test_a_long_list_of_choices_is_cut(tmp_path):
    settings = copy.deepcopy(MINIMAL)
    settings["attacks"] = {f"attack{number}": {} for number in range(30)}
    settings["report"] = {"attack": "other"}
    with pytest.raises(ExperimentError, match=r"choose one of attack0, .*attack19, …$"):
        read(tmp_path, settings)
    made = read(tmp_path, MINIMAL)
    with pytest.raises(ExperimentError, match=rf"has no model '{'y' * 79}…: choose one of net"):
        made.model("y" * 500)


def test_every_key_is_described():
    def walk(schema, path=""):
        for name, entry in schema.get("properties", {}).items():
            assert "description" in entry, f"{path}{name} has no description"
            walk(entry, f"{path}{name}.")
        if isinstance(schema.get("additionalProperties"), dict):
            walk(schema["additionalProperties"], path)
        for entry in schema.get("$defs", {}).values():
            walk(entry, path)

    schema = yaml.safe_load(SCHEMA.read_text())
    walk(schema)


def test_every_key_stands_in_the_reference():
    text = (ROOT / "config" / "README.md").read_text()

    def keys(schema):
        for name, entry in schema.get("properties", {}).items():
            yield name
            yield from keys(entry)
        for part in (schema.get("additionalProperties"), *schema.get("$defs", {}).values()):
            if isinstance(part, dict):
                yield from keys(part)

    missing = {key for key in keys(yaml.safe_load(SCHEMA.read_text())) if f"`{key}`" not in text}
    assert not missing


def test_features_of_units(tmp_path):
    settings = compared(features={"model": "net", "layer": "FC1"})
    settings["seeds"] = [3, 5]
    settings["units"]["models"]["other"] = {"layers": ["sigmoid1"], "positions": "separate"}
    experiment = read(tmp_path, yaml.safe_dump(settings))
    entry = experiment.units_of("other")
    assert (entry["features"], entry["positions"], entry["k"]) == ("FC1", "separate", 10)
    folders = {
        (model, seed): paths.unit_features(experiment, SimpleNamespace(model=model, seed=seed))
        for model in ("net", "other")
        for seed in ("3", "5")
    }
    # the network itself is compared by that of another seed
    assert folders == {
        ("net", "3"): "results/trial/models/net/seed5",
        ("net", "5"): "results/trial/models/net/seed3",
        ("other", "3"): "results/trial/models/net/seed3",
        ("other", "5"): "results/trial/models/net/seed5",
    }
    plain = read(tmp_path, yaml.safe_dump(MINIMAL))
    assert not plain.has_units and paths.unit_images(plain) == []
    with pytest.raises(ExperimentError, match="compares no units with directions"):
        plain.units_of("net")
