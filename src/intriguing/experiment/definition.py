"""One experiment: what each job needs to know of it, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intriguing.errors import ExperimentError, listed, quoted
from intriguing.networks.weight_sources import AS_BUILT, PUBLISHED

Entry = dict[str, Any]

CURES = ("adversarial", "contraction")
"""Keys of a model's entry that say how it is trained against adversarial examples."""


class Experiment:
    """One experiment with every default filled in.

    Parameters
    ----------
    name : str
        Stem of the file.
    settings : dict
        Its whole content.
    """

    def __init__(self, name: str, settings: Entry):
        self.name, self.settings = name, settings

    @property
    def title(self) -> str:
        """Heading of the page."""
        return self.settings["title"]

    @property
    def data(self) -> Entry:
        """Which images."""
        return self.settings["data"]

    @property
    def device(self) -> str:
        """Where to train and to attack."""
        return self.settings["device"]

    @property
    def seeds(self) -> list[int]:
        """Every model is trained and attacked once for each."""
        return self.settings["seeds"]

    @property
    def models(self) -> dict[str, Entry]:
        """Entries of the networks of Tables 1 and 2 by name, in the order of the tables."""
        return {name: entry for name, entry in self.every_model.items() if not self._halved(name)}

    @property
    def every_model(self) -> dict[str, Entry]:
        """Entries of all networks by name, those of Tables 3 and 4 included."""
        return self.settings["models"]

    @property
    def halves(self) -> Entry:
        """What Tables 3 and 4 show; `ExperimentError` if the experiment does not have them."""
        if not self.has_halves:
            raise ExperimentError(
                f"{self.name} has no halves, which Tables 3 and 4 compare: name models that are"
                " trained on disjoint parts under halves.models"
            )
        return self.settings["halves"]

    @property
    def has_halves(self) -> bool:
        """Whether there are models of disjoint training sets to compare."""
        return "halves" in self.settings

    @property
    def halved_models(self) -> dict[str, Entry]:
        """Entries of the networks of Tables 3 and 4 by name, in the order of the tables."""
        return {name: self.every_model[name] for name in self.halves["models"]}

    @property
    def has_cures(self) -> bool:
        """Whether a model is trained against adversarial examples, or contractively."""
        return any(cure in entry for entry in self.models.values() for cure in CURES)

    @property
    def units(self) -> Entry:
        """Which units are compared; `ExperimentError` if the experiment compares none."""
        if not self.has_units:
            raise ExperimentError(
                f"{self.name} compares no units with directions: name models and layers under"
                " units.models"
            )
        return self.settings["units"]

    @property
    def has_units(self) -> bool:
        """Whether units are compared with directions."""
        return "units" in self.settings

    def units_of(self, model: str) -> Entry:
        """What the comparison of a model's units depends on, apart from the models."""
        entry = self._entry("model with units", model, self.units["models"])
        shared = ("split", "count", "k", "directions", "families", "angles")
        found = {key: self.units[key] for key in shared}
        fitted = self.model(model)["trained_on"]
        return {**found, **entry, "features": self.units["features"]["layer"], "fitted": fitted}

    def _halved(self, model: str) -> bool:
        return self.has_halves and model in self.halves["models"]

    @property
    def attacks(self) -> dict[str, Entry]:
        """Entries of the attacks by name."""
        return self.settings["attacks"]

    @property
    def noise(self) -> Entry:
        """Gaussian controls."""
        return self.settings["noise"]

    @property
    def noise_rows(self) -> list[str]:
        """What the transfer tables call the noise of each standard deviation of Table 2."""
        return [noise_name(deviation) for deviation in self.noise["standard_deviations"]]

    @property
    def lipschitz(self) -> Entry:
        """What is bounded besides the models, and how."""
        return self.settings["lipschitz"]

    @property
    def report(self) -> Entry:
        """What tables and figures show."""
        return self.settings["report"]

    @property
    def dataset(self) -> str:
        """What the data are called: their name, or the user's folder."""
        return self.data["folder"] if "folder" in self.data else self.data["name"]

    @property
    def has_data_of_paper(self) -> bool:
        """Whether the images are MNIST, all or a part: the paper's Tables 1 to 4 are of these."""
        return self.data["name"] == "mnist"

    @property
    def shown_attack(self) -> str:
        """Name of the attack that Tables 1 and 2 show."""
        return self.report["attack"]

    def model(self, name: str) -> Entry:
        """Entry of a model; `ExperimentError` if there is none of that name."""
        return self._entry("model", name, self.every_model)

    def training(self, model: str) -> Entry:
        """All that the training of a model depends on, apart from data and seed."""
        entry = self.model(model)
        shown = ("label", "role", "description")
        own = {key: value for key, value in entry.items() if key not in shown}
        # a model that is given its weights does not depend on how others are trained
        return {"training": None if "weights" in own else self.settings["training"], **own}

    def attack(self, name: str) -> Entry:
        """Settings of an attack, apart from the models attacked and how many jobs share it."""
        entry = self._entry("attack", name, self.attacks)
        return {key: value for key, value in entry.items() if key not in ("shards", "models")}

    def shards(self, attack: str) -> int:
        """Number of jobs that share the images of one model."""
        return self._entry("attack", attack, self.attacks)["shards"]

    def sample(self, attack: str) -> Entry:
        """Which images an attack distorts, and the classes that they have."""
        entry = self.attack(attack)
        return {key: entry[key] for key in ("split", "count", "targets", "labels")}

    def bounded(self) -> Entry:
        """What the bounds of a trained model depend on, apart from the model."""
        sample = self.sample(self.shown_attack)
        sample["count"] = min(self.lipschitz["images"], sample["count"])
        entry = {key: sample[key] for key in ("split", "count", "targets")}
        entry["lipsdp"] = self.lipschitz["lipsdp"]
        if self.lipschitz["ascent"]:
            entry["ascent"] = self.lipschitz["ascent"]
        return entry

    def models_of(self, attack: str) -> list[str]:
        """Names of the models that an attack is applied to, in the order of the experiment."""
        of_halves = self.has_halves and attack == self.halves["attack"]
        all_models = self.halved_models if of_halves else self.models
        chosen = self._entry("attack", attack, self.attacks).get("models", all_models)
        return [name for name in self.every_model if name in chosen]

    def attacks_of(self, model: str) -> list[str]:
        """Names of the attacks that are applied to a model, in the order of the experiment."""
        return [name for name in self.attacks if model in self.models_of(name)]

    def weights_of_model(self, name: str) -> list[str]:
        """The weights file that a model is given: a list of one or none, as for a network."""
        return _weights_file(self.model(name).get("weights", AS_BUILT))

    def network(self, name: str) -> Entry:
        """All that the bounds of a network that is not trained here depend on."""
        entry = self._entry("network", name, self.lipschitz["networks"])
        return {key: value for key, value in entry.items() if key != "label"}

    def weights_of_network(self, name: str) -> list[str]:
        """The weights file that the bounds of such a network depend on: a list of one or none.

        A missing file is omitted: `prerequisites` has a sentence for it.
        """
        return _weights_file(self.network(name)["weights"])

    def _entry(self, kind: str, name: str, entries: Mapping[str, Entry]) -> Entry:
        if name not in entries:
            known = listed(entries) or "none is named"
            raise ExperimentError(
                f"{self.name} has no {kind} {quoted(name)}: choose one of {known}"
            )
        return entries[name]


def noise_name(standard_deviation: float) -> str:
    """What noise is called where a set made for a model has the model's name."""
    return f"noise{standard_deviation}"


def weights_in_words(entry: Entry) -> str:
    """Where the weights of a network come from; empty if it is trained in the experiment."""
    weights = entry.get("weights", "")
    if weights == AS_BUILT:
        # a user's function may load what it likes
        return "random weights" if "architecture" in entry else "weights as built"
    return f"weights {Path(weights).name}" if weights else ""


def _weights_file(weights: str) -> list[str]:
    return [weights] if weights not in (AS_BUILT, PUBLISHED) and Path(weights).is_file() else []
