"""Experiment files: read, checked against the schema, completed with its defaults.

Every mistake is one sentence that names the file, the key and the remedy.
"""

import difflib
import math
import re
from pathlib import Path

import jsonschema
import yaml

from intriguing.errors import ExperimentError

# weights of a network that come from elsewhere
NO_FILE = ("random", "IMAGENET1K_V1")
# so many choices are listed rather than guessed at
FEW = 2
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

    def training(self, model):
        """All that the training of a model depends on, apart from data and seed."""
        entry = self._model(model)
        shown = ("label", "role", "description")
        own = {key: value for key, value in entry.items() if key not in shown}
        return {"training": self.settings["training"], **own}

    def attack(self, attack):
        """Settings of an attack, apart from the number of jobs that share it."""
        return {k: v for k, v in self._attack(attack).items() if k != "shards"}

    def sample(self, attack):
        """Which images an attack distorts: ``split`` and ``count``."""
        return {key: self._attack(attack)[key] for key in ("split", "count")}

    def bounded(self):
        """What the bounds of a trained model depend on, apart from the model."""
        return {
            "split": self._attack(self.shown_attack)["split"],
            "count": min(
                self.settings["lipschitz"]["images"], self.sample(self.shown_attack)["count"]
            ),
            "lipsdp": self.settings["lipschitz"]["lipsdp"],
        }

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
        path = self.network(name)["weights"]
        return [path] if path not in NO_FILE and Path(path).is_file() else []

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
    _validate(settings, schema, path)
    _check_references(settings, path)
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


def _validate(settings, schema, path):
    """Fill in defaults and raise on the first mistake, the outermost first."""
    validator = _WithDefaults(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(settings))
    if error is not None:
        raise ExperimentError(f"{path}: {_sentence(error)}")


def _fill_defaults(validator, properties, instance, schema):
    if isinstance(instance, dict):
        for name, subschema in properties.items():
            if "default" in subschema and name not in instance:
                # a copy, so that filling in its own defaults does not change the schema
                instance[name] = yaml.safe_load(yaml.safe_dump(subschema["default"]))
    yield from jsonschema.Draft202012Validator.VALIDATORS["properties"](
        validator, properties, instance, schema
    )


def _is_integer(checker, value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker, value):
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


# JSON has one kind of number, in which 2.0 is whole; Python code that counts with it does not
_WithDefaults = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"properties": _fill_defaults},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def _sentence(error):
    key = ".".join(str(part) for part in error.absolute_path) or "the file"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(name for name in error.instance if name not in known)
        return f"{_key(error, unknown)} is no key; {_suggest(str(unknown), known)}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"{_key(error, missing)} is missing: add it"
    if error.validator == "enum":
        return (
            f"{key} is {error.instance!r}; {_suggest(str(error.instance), error.validator_value)}"
        )
    if error.validator == "type":
        words = _TYPES[error.validator_value]
        return f"{key} is {error.instance!r}, but has to be {words}: correct it"
    if error.validator == "pattern":
        return f"{key}: {error.instance!r} has other characters than letters, digits and . _ -"
    if error.validator in ("minProperties", "maxProperties") and "properties" in error.schema:
        return f"{key} must have exactly one of the keys {', '.join(error.schema['properties'])}"
    if error.validator in _LIMITS:
        return (
            f"{key} is {error.instance!r}: give {_LIMITS[error.validator]} {error.validator_value}"
        )
    return f"{key}: {error.message}: correct it"


_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


_TYPES = {
    "array": "a list, such as [2]",
    "object": "a mapping of keys to values",
    "integer": "a whole number",
    "number": "a finite number",
    "string": "text",
    "boolean": "true or false",
}


def _key(error, name):
    return ".".join([*(str(part) for part in error.absolute_path), str(name)])


def _suggest(word, known):
    known = [str(name) for name in known]
    close = difflib.get_close_matches(word, known, 1)
    if close and len(known) > FEW:
        return f"did you mean {close[0]!r}?"
    return f"choose one of {', '.join(known)}"


_OPTIONS = {
    "softmax": set(),
    "fully_connected": {"hidden", "activation"},
    "autoencoder": {"units"},
}
_SEARCH = {
    "lbfgs": {
        *("memory", "stationarity", "steps_per_weight", "weight_tolerance"),
        *("margin_tolerance", "evaluations"),
    },
    "minimum_distortion": {"rivals", "decrease", "steps", "tries"},
}
_REQUIRED_OPTION = {"fully_connected": "hidden", "autoencoder": "units"}


def _check_references(settings, path):
    """What a schema cannot say: names that refer to each other and options that belong together."""

    def fail(key, problem):
        raise ExperimentError(f"{path}: {key} {problem}")

    def check_split(key, name, known):
        if name not in known:
            fail(key, f"is {name!r}, which is no split; {_suggest(name, known)}")

    parts = settings["data"]["parts"]
    trainable, attackable = ["train", *parts], ["train", "test", *parts]
    for name, model in settings["models"].items():
        key = f"models.{name}"
        check_split(f"{key}.trained_on", model["trained_on"], trainable)
        architecture, options = model["architecture"], model["options"]
        foreign = sorted(set(options) - _OPTIONS[architecture])
        if foreign:
            fail(f"{key}.options.{foreign[0]}", f"does not apply to {architecture}: remove it")
        needed = _REQUIRED_OPTION.get(architecture)
        if needed and needed not in options:
            fail(f"{key}.options.{needed}", f"is missing: {architecture} needs it")
        if "sparsity" in model and architecture != "autoencoder":
            fail(f"{key}.sparsity", f"does not apply to {architecture}: remove it")
        layers = len(options["hidden"]) + 1 if architecture == "fully_connected" else 1
        if len(model["weight_decay"]) not in (0, layers):
            fail(
                f"{key}.weight_decay",
                f"has {len(model['weight_decay'])} values for {layers} layers: give one for each",
            )
    networks = settings["lipschitz"]["networks"]
    for name, network in networks.items():
        key, architecture = f"lipschitz.networks.{name}", network["architecture"]
        if "grouped" in network["options"] and architecture != "alexnet":
            fail(f"{key}.options.grouped", f"does not apply to {architecture}: remove it")
        if network["weights"] == "IMAGENET1K_V1" and architecture != "torchvision_alexnet":
            fail(f"{key}.weights", "is 'IMAGENET1K_V1', published for torchvision_alexnet only")
    entries = [*settings["models"].values(), *networks.values()]
    labels = [entry["label"] for entry in entries]
    for label in labels:
        if labels.count(label) > 1:
            fail(
                "models or lipschitz.networks",
                f"has the label {label!r} twice: tables need one for each",
            )
    for name, attack in settings["attacks"].items():
        key, method = f"attacks.{name}", attack["method"]
        check_split(f"{key}.split", attack["split"], attackable)
        foreign = sorted(set(attack["search"]) - _SEARCH[method])
        if foreign:
            fail(f"{key}.search.{foreign[0]}", f"does not apply to {method}: remove it")
        untargeted = attack["targets"] == "any"
        if untargeted and method != "minimum_distortion":
            fail(f"{key}.targets", f"is 'any', but {method} needs a target: choose another rule")
        if "candidates" in attack and not untargeted:
            fail(f"{key}.candidates", "applies to targets: any alone: remove it")
        if attack["shards"] > attack["count"]:
            fail(f"{key}.shards", f"is more than the {attack['count']} images: lower it")
    shown = settings["report"].setdefault("attack", next(iter(settings["attacks"])))
    if shown not in settings["attacks"]:
        fail(
            "report.attack",
            f"is {shown!r}, which is no attack; {_suggest(shown, settings['attacks'])}",
        )
