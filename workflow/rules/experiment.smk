# Look-ups in the experiments: what each rule needs to know of an experiment and nothing more, so
# that a change of one entry reruns only what depends on it.
import os
from functools import cache
from pathlib import Path

from snakemake.logging import logger

from intriguing import experiment as experiments
from intriguing import registry
from intriguing.datasets.root import contents_hash, image_folder
from intriguing.errors import ExperimentError, quoted
from intriguing.experiment import catalogue, loader, paths, prerequisites
from intriguing.job import LAST_LINE, explain_lock, stop
from intriguing.provenance import (
    SOURCE,
    code_hash,
    factory_hash,
    machine_hash,
    text_hash,
)


def fail(error):
    """End with a sentence, in which files below the working directory have relative paths."""
    stop(f"error: {error}".replace(f"{Path.cwd()}{os.sep}", ""))


def warn(error):
    logger.warning(f"warning: {error}".replace(f"{Path.cwd()}{os.sep}", ""))


def use_cache():
    """Share what machines of the same kind made, in a folder of their own: others round differently.

    A folder that cannot be the cache is named now: Snakemake finds out after the first training.
    """
    folder = Path(os.environ.get("SNAKEMAKE_OUTPUT_CACHE", ""))
    # a node of a cluster has it of the main process
    if folder.name.startswith("machine-"):
        folder = folder.parent
    if not (folder.is_absolute() and folder.is_dir() and os.access(folder, os.W_OK)):
        fail(
            "--cache needs the absolute path of a folder that exists and can be written in"
            f" SNAKEMAKE_OUTPUT_CACHE, which is {quoted(str(folder))}: set it, or use make NAME"
            " CACHE=folder",
        )
    kind = folder / f"machine-{machine_hash()}"
    kind.mkdir(exist_ok=True)
    os.environ.update(SNAKEMAKE_OUTPUT_CACHE=str(kind))


if workflow.workflow_settings.cache is not None:
    use_cache()


# it is for the sentence of the whole build: a job has a log
if workflow.is_main_process:
    logger.addFilter(explain_lock)
else:
    os.environ.pop(LAST_LINE, None)

# What a rule says whose output workflows share by --cache. Its params name all that decides the
# output, since wildcards do not count. Without --cache Snakemake warns of each such rule.
CACHED = False if workflow.workflow_settings.cache is None else "omit-software"
# On the nodes of a cluster Snakemake 9.27 cannot hash the folder of a model that it did not train.
CACHED_LOCALLY = CACHED if workflow.is_main_process else False

# relative to this file: another workflow may use this one as a module
REPOSITORY = Path(workflow.current_basedir).parent.parent
EXPERIMENTS = Path(config.get("experiments", REPOSITORY / "config" / "experiments"))
SCHEMA = REPOSITORY / "workflow" / "schemas" / "experiment.schema.yaml"
SCRIPTS = REPOSITORY / "scripts"


wildcard_constraints:
    experiment=r"[a-z][a-z0-9_]*",
    model=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    attack=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    network=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    seed=r"\d+",
    shard=r"\d+",
    shards=r"\d+",


def experiment_names():
    names = loader.names(EXPERIMENTS)
    if not names:
        fail(
            f"there is no experiment in {EXPERIMENTS}: put one there (a file NAME.yaml), or"
            " set experiments in Snakemake's config to the folder that holds them",
        )
    return names


@cache
def read(name):
    """The experiment of that name; ExperimentError if its file has a mistake."""
    return experiments.read(loader.path_of(EXPERIMENTS, name), SCHEMA)


@cache
def look_up(name):
    """The experiment of that name, which is being built: what it needs has to be there.

    A mistake ends Snakemake before any job starts.
    """
    try:
        experiment = read(name)
    except ExperimentError as error:
        fail(error)
    # a job on a cluster node reads only its own, and checks what it uses itself
    if workflow.is_main_process:
        warn_of_others()
        check_prerequisites(experiment)
    return experiment


def check_prerequisites(experiment):
    try:
        prerequisites.check(experiment)
    except ExperimentError as error:
        fail(f"{loader.path_of(EXPERIMENTS, experiment.name)}: {error}")


@cache
def warn_of_others():
    """Mistakes in experiments that are not being built: they stop none that is."""
    targets = [Path(target).parts for target in workflow.dag_settings.targets]
    for name in experiment_names():
        try:
            read(name)
        except ExperimentError as error:
            if not any({name} & set(parts[:2]) for parts in targets):
                warn(f"{error} (not part of this run)")


def of_experiment(get):
    """Parameter or input function: ``get(experiment, wildcards)``."""

    def from_wildcards(wildcards):
        try:
            return get(look_up(wildcards.experiment), wildcards)
        except ExperimentError as error:
            fail(error)

    return from_wildcards


# thousands of jobs ask for the same few
code_once = cache(code_hash)
# of every figure, beside its code
style = text_hash(SOURCE / "report" / "figures.mplstyle")


def code_of(script, chosen=None):
    """Parameter function: hash of a script or module, of the package modules that it imports, and
    of what the experiment chose by name, ``chosen(experiment, wildcards)`` (references of the
    registry).
    """

    def code(experiment, wildcards):
        references = chosen(experiment, wildcards) if chosen else ()
        return code_once(SCRIPTS / script, tuple(references))

    return of_experiment(code)


def reader(experiment, wildcards):
    return [registry.table("datasets")[experiment.data["name"]]]


def method(experiment, wildcards):
    entry = experiment.attack(wildcards.attack)
    return [registry.table("attacks")[entry["method"]]]


def network_of_model(experiment, wildcards):
    """Our own code alone: for a user's see `factory_code`."""
    entry = experiment.model(wildcards.model)
    sources = registry.table("sources") | registry.table("cures")
    chosen = [reference for key, reference in sources.items() if key in entry]
    if "architecture" in entry:
        chosen.append(registry.table("architectures")[entry["architecture"]])
    return chosen


def network_architecture(experiment, wildcards):
    entry = experiment.network(wildcards.network)
    return [registry.table("architectures")[entry["architecture"]]]


def factory_code(experiment, wildcards):
    """Hash of the user's code that builds a model; empty for our own architectures."""
    factory = experiment.model(wildcards.model).get("factory")
    return factory_hash(factory) if factory else ""


def own_images(experiment, wildcards):
    """What a folder of the user's own images holds; empty for the known data sets."""
    data = experiment.data
    if "folder" not in data:
        return ""
    return contents_hash(image_folder(data.get("root"), data["folder"]))


def resource(name):
    """Path of a file under resources/, relative to the working directory if it can be."""
    return os.path.relpath(REPOSITORY / "resources" / name)


def reported(path, name, entry, form, of="", patterns=()):
    """An output that a report of Snakemake shows with its caption.

    ``of``: which of several it is; ``patterns``: which files of a folder.
    """
    labels = {"experiment": "{experiment}", "shows": entry.title, "format": form}
    return report(
        path,
        caption=f"../report/{name}.rst",
        category=entry.category,
        subcategory="Tables" if form == "HTML" else "Figures",
        labels=labels | ({"of": of} if of else {}),
        patterns=list(patterns),
    )


def table(name):
    """The files of a table, of which a report of Snakemake shows the HTML."""
    files = paths.table(name)
    html = reported(files["html"], name, catalogue.TABLES[name], "HTML")
    return files | {"html": html}


def figure(name):
    """The files of a figure, of which a report of Snakemake shows the PNG."""
    entry = catalogue.FIGURES[name]
    files = paths.figure(entry.file)
    return files | {"png": reported(files["png"], name, entry, "PNG")}


def filters():
    """The same of the filters of a model."""
    entry = catalogue.FIGURES["filters"]
    files = paths.filters()
    return files | {"png": reported(files["png"], "filters", entry, "PNG", "{model}")}


def pictures(folder, name):
    """A folder of figures, of which a report of Snakemake shows each PNG."""
    entry = catalogue.FIGURES[name]
    pattern = ["{picture}.png"]
    return reported(directory(folder), name, entry, "PNG", "{picture}", pattern)


def captions(experiment, wildcards):
    """The captions of everything that a bundle and the page show."""
    names = (*paths.bundled_tables(experiment), *paths.bundled_figures(experiment))
    folder = REPOSITORY / "workflow" / "report"
    return [os.path.relpath(folder / f"{name}.rst") for name in names]


PARTS_OF_PAGE = ("page.html.j2", "page.css", "page.js", "libraries/sortable.min.js")


def shown_attack(experiment, wildcards):
    return experiment.shown_attack


def shown_basis(experiment, wildcards):
    """What the numbers of Tables 1 and 2 rest on: arguments of basis.caption."""
    return basis_of(experiment, experiment.shown_attack)


def same_data(experiment, wildcards):
    """Whether published values are compared with ours."""
    return experiment.has_data_of_paper


def halved_basis(experiment, wildcards):
    """The same of Tables 3 and 4."""
    return basis_of(experiment, experiment.halves["attack"])


def basis_of(experiment, attack):
    return {
        "dataset": experiment.dataset,
        "attack": experiment.attack(attack),
        "seeds": len(experiment.seeds),
    }


def growing(amount):
    """Resource function: an amount, or what a function of the wildcards gives, and as much again at
    each further attempt: a job that a cluster has killed needs more.
    """

    def of_attempt(wildcards, attempt):
        return attempt * (amount(wildcards) if callable(amount) else amount)

    return of_attempt


def memory_of_attack(experiment, wildcards):
    """MiB of an attack's job: its working memory, and what torch and the data take."""
    return 1500 + experiment.attack(wildcards.attack)["memory_mb"]


def cards(experiment, wildcards):
    """Graphics cards of a job that computes on the experiment's device."""
    return int(experiment.device == "cuda")


def shown_models(experiment, wildcards):
    """What tables and figures show of each model."""
    return shown_of(experiment.models)


def halved_models(experiment, wildcards):
    """What Tables 3 and 4 show of each of their models."""
    return shown_of(experiment.halved_models)


def attacked_models(experiment, wildcards):
    """What the table of all attacks shows of each model; those on parts say so."""
    halved = halved_models(experiment, wildcards) if experiment.has_halves else {}
    for name, entry in halved.items():
        part = experiment.every_model[name]["trained_on"]
        entry["label"] = f"{entry['label']}, trained on {part}"
    return shown_models(experiment, wildcards) | halved


def shown_of(models, keys=("label", "description", "role")):
    shown = {}
    for name, entry in models.items():
        shown[name] = {key: entry[key] for key in keys if key in entry}
    return shown


def shown_regularisation(experiment, wildcards):
    """What the table of cures shows of each model."""
    keys = (
        "label",
        "architecture",
        "options",
        "weight_decay",
        "adversarial",
        "contraction",
    )
    return shown_of(experiment.models, keys)


def figure_params(figure):
    """Parameters of a figure that shows one adversarial set."""

    def label(experiment, wildcards):
        return experiment.models[experiment.report[figure]["model"]]["label"]

    return {
        "shown": of_experiment(
            lambda experiment, wildcards: experiment.report[figure]["count"],
        ),
        "label": of_experiment(label),
        "code": code_of("gallery.py"),
        "style": style,
    }


def is_sharded(experiment, wildcards):
    return experiment.shards(wildcards.attack) > 1


def code_of_set(experiment, wildcards):
    """With shards, their code too: they are deleted once merged, so nothing else shows a change."""
    if is_sharded(experiment, wildcards):
        return [
            code_of("merge.py")(wildcards),
            code_of("attack_shard.py", method)(wildcards),
        ]
    return code_of("attack.py", method)(wildcards)


def columns_of_set(wildcards):
    """Which set it is, for its line in a table."""
    return {
        "seed": wildcards.seed,
        "model": wildcards.model,
        "attack": wildcards.attack,
    }


# Named in an adversarial set. It is that of the stage and not of a script: a set is the same, byte
# for byte, however many jobs share it.
code_of_examples = code_of(SOURCE / "stages" / "attack.py", method)


def labels_of(experiment, models):
    """What tables and figures call some models, by name."""
    return {name: experiment.models[name]["label"] for name in models}


def labels_of_units(experiment, wildcards):
    """What the networks are called whose units are compared."""
    return labels_of(experiment, experiment.units["models"])


def layers_of_units(experiment, wildcards):
    """The layers whose units are shown, by figure; none where no units are compared."""
    models = experiment.units["models"] if experiment.has_units else {}
    labels = labels_of(experiment, models)
    return {
        paths.name_of_layer(model, layer): {
            "model": model,
            "layer": layer,
            "label": f"{labels[model]}, {layer}",
        }
        for model, entry in models.items()
        for layer in entry["layers"]
    }


def logs_of_jobs(experiment, wildcards):
    """The log of every job, by rule: those of an earlier experiment may lie beside them."""
    logs = {}
    for path in paths.of_every_job(experiment):
        producer = next(one for one in workflow.rules if one.is_producer(path))
        log = producer.log[0].apply_wildcards(producer.get_wildcards(path))
        logs.setdefault(producer.name, {})[str(log)] = None
    return {name: list(paths_of) for name, paths_of in logs.items()}


def sample_of_units(experiment, wildcards):
    """The images that excite units."""
    return {key: experiment.units[key] for key in ("split", "count")}
