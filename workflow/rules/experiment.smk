# Look-ups in the experiments: what each rule needs to know of an experiment and nothing more, so
# that a change of one entry reruns only what depends on it.
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from intriguing.experiment import definition as experiment
from intriguing.datasets.root import contents_hash, resolved
from intriguing.errors import ExperimentError
from intriguing.provenance import code_hash, factory_hash

EXPERIMENTS = Path(workflow.basedir) / "config" / "experiments"
SCHEMA = Path(workflow.basedir) / "workflow" / "schemas" / "experiment.schema.yaml"
SCRIPTS = Path(workflow.basedir) / "scripts"


wildcard_constraints:
    experiment=r"[a-z][a-z0-9_]*",
    model=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    attack=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    network=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    deviation=r"[0-9.eE+-]+",
    seed=r"\d+",
    shard=r"\d+",
    shards=r"\d+",


def experiment_names():
    return sorted(path.stem for path in EXPERIMENTS.glob("*.yaml"))


_read = {}


def look_up(name):
    """The experiment of that name, read once."""
    if name not in _read:
        try:
            _read[name] = experiment.read(EXPERIMENTS / f"{name}.yaml", SCHEMA)
        except ExperimentError as error:
            raise WorkflowError(str(error)) from None
    return _read[name]


# All of them, so that a mistake is seen before any job starts; a job on a cluster node reads only
# its own, so that work in progress on another file cannot stop it.
if workflow.is_main_process:
    for name in experiment_names():
        look_up(name)


def code_of(script):
    """Hash of a script and of the package modules that it imports."""
    return code_hash(SCRIPTS / script)


def factory_code(experiment, wildcards):
    """Hash of the user's code that builds a model; empty for our own architectures."""
    factory = experiment.factory(wildcards.model)
    found = factory_hash(factory) if factory else ""
    if found == "missing":
        # told before any job, because a job that starts has lost what it made before
        raise WorkflowError(
            f"{experiment.name}: models.{wildcards.model}.factory: there is no module"
            f" {factory.partition(':')[0]}: correct the name, install its package, or run"
            " snakemake in the folder that holds it"
        )
    return found


def own_images(experiment, wildcards):
    """What a folder of the user's own images holds; empty for the known data sets."""
    if "folder" not in experiment.data:
        return ""
    folder = resolved(experiment.data["root"]) / experiment.data["folder"]
    found = contents_hash(folder)
    if found == "missing":
        raise WorkflowError(
            f"{experiment.name}: data.folder: {folder} does not exist: correct data.folder or"
            " data.root, or put the images there"
        )
    return found


def resource(name):
    """Path of a file under resources/, relative to the working directory if it can be."""
    return os.path.relpath(Path(workflow.basedir) / "resources" / name)


def of_experiment(get):
    """Parameter or input function: ``get(experiment, wildcards)``."""
    return lambda wildcards: get(look_up(wildcards.experiment), wildcards)


def shown_attack(experiment, wildcards):
    return experiment.shown_attack


def shown_basis(experiment, wildcards):
    """What the numbers of a table rest on: the arguments of tables.caption."""
    return {
        "dataset": experiment.dataset,
        "attack": experiment.attack(experiment.shown_attack),
    }


def shown_models(experiment, wildcards):
    """What tables and figures show of each model."""
    keys = ("label", "description", "role")
    return {
        name: {key: entry[key] for key in keys if key in entry}
        for name, entry in experiment.models.items()
    }


def figure_params(figure):
    """Parameters of a figure that shows one adversarial set."""

    def label(experiment, wildcards):
        return experiment.models[experiment.report[figure]["model"]]["label"]

    return {
        "shown": of_experiment(
            lambda experiment, wildcards: experiment.report[figure]["count"]
        ),
        "label": of_experiment(label),
        "code": code_of("gallery.py"),
    }
