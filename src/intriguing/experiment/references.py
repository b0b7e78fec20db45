"""What a schema cannot say of an experiment: names that refer to each other, keys that exclude
each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NoReturn

from intriguing.errors import ExperimentError, listed, quoted, shortened
from intriguing.experiment.definition import CURES
from intriguing.experiment.schema import suggest
from intriguing.networks.weight_sources import PUBLISHED, PUBLISHED_FOR

Entry = dict[str, Any]

_SEARCH = {
    "lbfgs": {
        "memory",
        "stationarity",
        "steps_per_weight",
        "weight_tolerance",
        "margin_tolerance",
        "evaluations",
    },
    "minimum_distortion": {"rivals", "decrease", "steps", "tries"},
}
# keys of data that one kind of data alone has
_OF_FOLDERS = ("folder", "size", "resize", "channels")
# the architecture that a key is for
_UNSUPERVISED = {"sparsity": "autoencoder", "reconstruction": "quocnet"}
_TRAINING = ("training", "weight_decay", *_UNSUPERVISED, *CURES)
# dense layers under a weight decay, of architectures with a fixed number
_DENSE = {"softmax": 1, "autoencoder": 1, "quocnet": 1, "alexnet_style": 3}


def check(settings: Entry) -> None:
    """Raise `ExperimentError` on the first entry that does not go with the others.

    Also fills in ``report.attack``, whose default is another entry's name.
    """
    _check_data(settings["data"])
    parts = settings["data"]["parts"]
    for name, model in settings["models"].items():
        _check_model(f"models.{name}", model, ["train", *parts])
        _check_minimiser(f"models.{name}", model, settings["training"])
    networks = settings["lipschitz"]["networks"]
    for name, network in networks.items():
        key = f"lipschitz.networks.{name}.weights"
        _check_weights(key, network["weights"], network["architecture"])
    _check_halves(settings)
    halved = settings.get("halves", {"models": []})["models"]
    models = settings["models"]
    _check_labels("halves.models", [models[name] for name in halved])
    others = [entry for name, entry in models.items() if name not in halved]
    _check_labels("models or lipschitz.networks", [*others, *networks.values()])
    for name, attack in settings["attacks"].items():
        _check_attack(f"attacks.{name}", attack, settings["models"], ["train", "test", *parts])
    _check_units(settings, ["train", "test", *parts])
    _check_report(settings)


def _fail(key: str, problem: str) -> NoReturn:
    raise ExperimentError(f"{shortened(key)} {problem}")


def _check_labels(key: str, entries: Iterable[Mapping[str, Any]]) -> None:
    labels = [entry["label"] for entry in entries]
    for label in labels:
        if labels.count(label) > 1:
            _fail(key, f"has the label {quoted(label)} twice: tables need one for each")


def _check_halves(settings: Entry) -> None:
    if "halves" not in settings:
        return
    halves, models, attacks = (settings[part] for part in ("halves", "models", "attacks"))
    for name in halves["models"]:
        if name not in models:
            _fail(
                "halves.models",
                f"has {quoted(name)}, which is not a model; {suggest(name, models)}",
            )
        if models[name]["trained_on"] == "train":
            parts = listed(settings["data"]["parts"]) or "data.parts, which names none"
            _fail(
                f"models.{name}.trained_on",
                f"is 'train', but {shortened(name)} is one of halves.models, which are trained on"
                f" parts: choose one of {parts}",
            )
    if set(halves["models"]) == set(models):
        _fail("halves.models", "has all models: leave one for Tables 1 and 2")
    if len({models[name]["trained_on"] for name in halves["models"]}) == 1:
        part = models[halves["models"][0]]["trained_on"]
        _fail(
            "halves.models",
            f"are all trained on {shortened(part)}: train one of them on another part",
        )
    attack = halves["attack"]
    if attack not in attacks:
        _fail(
            "halves.attack",
            f"is {quoted(attack)}, which is not an attack; {suggest(attack, attacks)}",
        )
    given = attacks[attack].get("models", halves["models"])
    if set(given) != set(halves["models"]):
        _fail(
            f"attacks.{attack}.models",
            f"are not those of halves, whose attack {shortened(attack)} is: leave the key out",
        )


def _check_units(settings: Entry, splits: Collection[str]) -> None:
    if "units" not in settings:
        return
    units, halved = settings["units"], settings.get("halves", {"models": []})["models"]
    models = [name for name in settings["models"] if name not in halved]
    features = units["features"]["model"]
    named = {"units.models": units["models"], "units.features.model": [features]}
    for key, names in named.items():
        for name in names:
            if name not in models:
                _fail(key, f"has {quoted(name)}, which is not a model; {suggest(name, models)}")
    if features in units["models"] and len(settings["seeds"]) == 1:
        _fail(
            "units.features.model",
            f"is {quoted(features)}, whose own units are compared, and there is one seed: name"
            " another model, or list several seeds",
        )
    _check_split("units.split", units["split"], splits)


def _check_split(key: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        _fail(key, f"is {quoted(name)}, which is not a split; {suggest(name, known)}")


def _check_data(data: Entry) -> None:
    for key in _OF_FOLDERS:
        if key in data and data["name"] != "image_folder":
            _fail(f"data.{key}", f"does not apply to {data['name']}: remove it")
    if data.get("resize", data.get("size", 1)) < data.get("size", 1):
        _fail("data.resize", f"is less than data.size, {data['size']}: raise it or leave it out")
    if data["name"] == "image_folder" and "folder" not in data:
        _fail("data.folder", "is missing: name the folder of the images")


def _check_model(key: str, model: Entry, trainable: Collection[str]) -> None:
    _check_split(f"{key}.trained_on", model["trained_on"], trainable)
    if ("architecture" in model) == ("factory" in model):
        _fail(key, "needs either architecture or factory: give one of them")
    architecture = model.get("architecture", "a factory")
    for stage, owner in _UNSUPERVISED.items():
        if stage in model and architecture != owner:
            _fail(f"{key}.{stage}", f"does not apply to {architecture}: remove it")
    _check_cures(key, model, architecture)
    _check_weights(f"{key}.weights", model.get("weights"), architecture)
    given = [own for own in _TRAINING if model.get(own)] if "weights" in model else []
    if given:
        remedy = f"remove {given[0]} or weights"
        _fail(f"{key}.{given[0]}", f"does not apply to a model with weights: {remedy}")
    if architecture == "fully_connected":
        layers: int | None = len(model["options"]["hidden"]) + 1
    else:
        layers = _DENSE.get(architecture)
    if layers and len(model["weight_decay"]) not in (0, layers):
        _fail(
            f"{key}.weight_decay",
            f"has {len(model['weight_decay'])} values for {layers} layers: give one for each",
        )


def _check_cures(key: str, model: Entry, architecture: str) -> None:
    given = [cure for cure in CURES if cure in model]
    if given and architecture not in ("fully_connected", "softmax"):
        _fail(f"{key}.{given[0]}", f"does not apply to {architecture}: remove it")
    if len(given) > 1:
        _fail(key, "has adversarial and contraction: remove one of them")
    hidden = model["options"].get("hidden", [])
    known = ["input", *(f"hidden{number}" for number in range(1, len(hidden) + 1))]
    pools = model.get("adversarial", {"layers": [], "distortions": 0})
    for layer in pools["layers"]:
        if layer not in known:
            _fail(
                f"{key}.adversarial.layers",
                f"has {quoted(layer)}, which does not exist: choose from {listed(known)}",
            )
    sizes, number = pools["distortions"], len(pools["layers"] or known)
    if isinstance(sizes, list) and len(sizes) != number:
        _fail(
            f"{key}.adversarial.distortions",
            f"has {len(sizes)} values for {number} pools: give one number, or one for each",
        )


def _check_minimiser(key: str, model: Entry, training: Entry) -> None:
    """Trainings that change the objective at every step need mini-batches."""
    own = "training" in model
    if "adam" in (model["training"] if own else training):
        return
    for cure in CURES:
        if cure in model:
            _fail(
                f"{key}.{cure}",
                "needs mini-batches, not L-BFGS: give the model a training of its own, {adam: {}}",
            )


def _check_attack(
    key: str, attack: Entry, models: Mapping[str, Entry], attackable: Collection[str]
) -> None:
    method = attack["method"]
    _check_split(f"{key}.split", attack["split"], attackable)
    foreign = sorted(set(attack["search"]) - _SEARCH[method])
    if foreign:
        _fail(f"{key}.search.{foreign[0]}", f"does not apply to {method}: remove it")
    untargeted = attack["targets"] == "any"
    if untargeted and method != "minimum_distortion":
        _fail(f"{key}.targets", f"is 'any', but {method} needs a target: choose another rule")
    if "candidates" in attack and not untargeted:
        _fail(f"{key}.candidates", "applies to targets: any alone: remove it")
    if "budget" in attack and method != "minimum_distortion":
        _fail(f"{key}.budget", f"does not apply to {method}: remove it")
    _check_attacked(key, attack, models)
    if attack["shards"] > attack["count"]:
        _fail(f"{key}.shards", f"is more than the {attack['count']} images: lower it")


def _check_report(settings: Entry) -> None:
    report, attacks = settings["report"], settings["attacks"]
    shown = report.setdefault("attack", next(iter(attacks)))
    if shown not in attacks:
        _fail(
            "report.attack",
            f"is {quoted(shown)}, which is not an attack; {suggest(shown, attacks)}",
        )
    halves = settings.get("halves", {"attack": None, "models": []})
    if shown == halves["attack"]:
        _fail("report.attack", f"is {quoted(shown)}, which is that of halves: name another")
    partial = attacks[shown].get("models")
    if partial and set(partial) != set(settings["models"]) - set(halves["models"]):
        _fail(
            "report.attack",
            f"is {quoted(shown)}, which does not attack all models: name another",
        )
    _check_figures(settings)


def _check_weights(key: str, weights: str | None, architecture: str) -> None:
    if weights == PUBLISHED and architecture != PUBLISHED_FOR:
        _fail(key, f"is {PUBLISHED!r}, published for {PUBLISHED_FOR} only")


def _check_attacked(key: str, attack: Entry, models: Mapping[str, Entry]) -> None:
    for name in attack.get("models", ()):
        if name not in models:
            _fail(
                f"{key}.models",
                f"has {quoted(name)}, which is not a model; {suggest(name, models)}",
            )
    if isinstance(attack["targets"], str):
        return
    if attack["labels"] == "model":
        _fail(f"{key}.targets", "is a class, which needs labels: data: choose another rule")
    binary = [n for n in attack.get("models", models) if "positive" in models[n]]
    if binary:
        others = [n for n in models if "positive" not in models[n]]
        remedy = f"list the others in {shortened(key)}.models" if others else "choose another rule"
        _fail(
            f"{key}.targets",
            f"is a class, but {shortened(binary[0])} distinguishes one class from the rest:"
            f" {remedy}",
        )


def _check_figures(settings: Entry) -> None:
    report, models, attacks = (settings[part] for part in ("report", "models", "attacks"))

    def check(key: str, name: str, known: Iterable[str]) -> None:
        if name not in known:
            _fail(
                f"report.{key}",
                f"names {quoted(name)}, which does not exist; {suggest(name, known)}",
            )

    for figure in ("figure5", "figure6"):
        if figure in report:
            check(f"{figure}.attack", report[figure]["attack"], attacks)
            attacked = attacks[report[figure]["attack"]].get("models", models)
            check(f"{figure}.model", report[figure]["model"], attacked)
    binary = [name for name in models if "positive" in models[name]]
    if "figure6" in report:
        check("figure6.model, of a binary network,", report["figure6"]["model"], binary)
    for name in report.get("figure7", {"models": []})["models"]:
        check("figure7.models", name, models)
    for name in report["filters"]:
        check("filters", name, [n for n in models if models[n].get("architecture") == "quocnet"])
