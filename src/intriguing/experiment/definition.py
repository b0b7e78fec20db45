"""Experiment files: read, checked against the schema, completed with its defaults.

Every mistake is one sentence that names the file, the key and the remedy.
"""

import re
from pathlib import Path

import yaml

from intriguing.errors import ExperimentError
from intriguing.experiment import references as experiment_references
from intriguing.experiment import schema as experiment_schema
from intriguing.networks.weight_sources import AS_BUILT, PUBLISHED

# targets of the Makefile that an experiment cannot be called
MAKE_TARGETS = ("test", "lint", "format", "clean", "help", "benchmark")


class Experiment:
    """One experiment with every default filled in.

    Attributes
    ----------
    name : str
        Stem of the file.
    settings : dict
        The whole content; `data`, `seeds`, `models`, `attacks`, `noise` and `report` are its keys.
    """

    def __init__(self, name, settings):
        self.name, self.settings = name, settings

    def __getattr__(self, key):
        try:
            return self.__dict__["settings"][key]
        except KeyError:
            raise AttributeError(key) from None

    @property
    def dataset(self):
        """What the data are called: their name, or the folder of one's own."""
        return self.data.get("folder", self.data["name"])

    def training(self, model):
        """All that the training of a model depends on, apart from data and seed."""
        entry = self._model(model)
        shown = ("label", "role", "description")
        own = {key: value for key, value in entry.items() if key not in shown}
        # a model that is given its weights does not depend on how others are trained
        return {"training": None if "weights" in own else self.settings["training"], **own}

    def attack(self, attack):
        """Settings of an attack, apart from who is attacked and how many jobs share it."""
        return {k: v for k, v in self._attack(attack).items() if k not in ("shards", "models")}

    def sample(self, attack):
        """Which images an attack distorts, and the classes that they have."""
        return {key: self._attack(attack)[key] for key in ("split", "count", "targets", "labels")}

    def bounded(self):
        """What the bounds of a trained model depend on, apart from the model."""
        sample = self.sample(self.shown_attack)
        bounds = self.settings["lipschitz"]
        sample["count"] = min(bounds["images"], sample["count"])
        return {key: sample[key] for key in ("split", "count", "targets")} | {
            "lipsdp": bounds["lipsdp"]
        }

    def models_of(self, attack):
        """Names of the models that an attack is made for, in the order of the experiment."""
        chosen = self._attack(attack).get("models", self.models)
        return [name for name in self.models if name in chosen]

    def attacks_of(self, model):
        """Names of the attacks that are made for a model, in the order of the experiment."""
        return [name for name in self.attacks if model in self.models_of(name)]

    def weights_of_model(self, name):
        """The weights file that a model is given: a list of one or none, as for a network."""
        return _weights_file(self._model(name).get("weights", AS_BUILT))

    def factory(self, name):
        """The user's function that builds a model, or None."""
        return self._model(name).get("factory")

    def network(self, name):
        """All that the bounds of a network that is not trained here depend on."""
        entry = self.settings["lipschitz"]["networks"].get(name)
        if entry is None:
            known = ", ".join(self.settings["lipschitz"]["networks"]) or "none is named"
            raise ExperimentError(f"{self.name} has no network {name!r}: choose one of {known}")
        return {key: value for key, value in entry.items() if key != "label"}

    def weights_of_network(self, name):
        """The weights file that the bounds of such a network depend on: a list of one or none.

        Of one that does not exist the job tells more than the workflow would.
        """
        return _weights_file(self.network(name)["weights"])

    def shards(self, attack):
        """Number of jobs that share the images of one model."""
        return self._attack(attack)["shards"]

    def _attack(self, attack):
        if attack not in self.attacks:
            known = ", ".join(self.attacks)
            raise ExperimentError(f"{self.name} has no attack {attack!r}: choose one of {known}")
        return self.attacks[attack]

    @property
    def shown_attack(self):
        """Name of the attack that Tables 1 and 2 are made of."""
        return self.report["attack"]

    def _model(self, model):
        if model not in self.models:
            known = ", ".join(self.models)
            raise ExperimentError(f"{self.name} has no model {model!r}: choose one of {known}")
        return self.models[model]


def _weights_file(weights):
    return [weights] if weights not in (AS_BUILT, PUBLISHED) and Path(weights).is_file() else []


def read(path, schema_path):
    """Read one experiment file.

    Parameters
    ----------
    path, schema_path : path
        The YAML file, and the JSON schema (as YAML).

    Returns
    -------
    Experiment

    Raises
    ------
    ExperimentError
    """
    path = Path(path)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
        raise ExperimentError(
            f"{path}: the name of an experiment starts with a small letter and has only small"
            " letters, digits and _: rename the file"
        )
    if path.stem in MAKE_TARGETS:
        raise ExperimentError(
            f"{path}: make {path.stem} means something else already: rename the file"
        )
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError as error:
        raise ExperimentError(f"{path} does not exist: create it or name another") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path} cannot be read ({error}): check the file") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "syntax error"
        raise ExperimentError(f"{path} is no YAML{line} ({problem}): mend that line") from error
    if settings is None:
        raise ExperimentError(f"{path} is empty: copy another experiment into it")
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    try:
        experiment_schema.validate(settings, schema)
        experiment_references.check(settings)
    except ExperimentError as error:
        raise ExperimentError(f"{path}: {error}") from None
    return Experiment(path.stem, settings)


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 1e-4 is a number (YAML 1.2), a key given twice is a mistake."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value!r} is given twice", key_node.start_mark
                )
            if key_node.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(
                    *(None, None, f"the key {key_node.value!r} is no text, put it in quotes"),
                    key_node.start_mark,
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
