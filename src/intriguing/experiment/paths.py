"""Where every artifact lies, and lists of them: the rules of the workflow name files only by these.

Patterns have Snakemake's wildcards. Functions take an experiment, and the wildcards of the rule
that asks; those of a whole experiment do not use them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from intriguing.errors import ExperimentError
from intriguing.experiment import catalogue
from intriguing.experiment.definition import Entry, Experiment, noise_name, weights_in_words

DATASET = "results/{experiment}/data/dataset.safetensors"
MODEL = "results/{experiment}/models/{model}/seed{seed}"
ADVERSARIAL = "results/{experiment}/adversarial/{attack}/{model}/seed{seed}.safetensors"
ATTACK_SUMMARY = "results/{experiment}/adversarial/{attack}/{model}/seed{seed}.csv"
SHARD = (
    "results/{experiment}/adversarial/{attack}/{model}/seed{seed}"
    "/shard{shard}of{shards}.safetensors"
)
NOISE = "results/{experiment}/noise/seed{seed}"
NOISE_SET = NOISE + "/{name}.safetensors"
HALVES = "results/{experiment}/halves/seed{seed}.csv"
TRANSFER = "results/{experiment}/transfer/{attack}/seed{seed}.csv"
NOISE_TRANSFER = "results/{experiment}/transfer_of_noise/seed{seed}.csv"
ATTACKS_TABLE = "results/{experiment}/tables/attacks.csv"
TRANSFER_TABLE = "results/{experiment}/tables/transfer.csv"
TABLE = "results/{{experiment}}/tables/{name}.{format}"
CLAIM_CASES = "results/{experiment}/tables/claim_cases.csv"
CLAIM_PICTURES = "results/{experiment}/figures/claims"
GALLERIES = "results/{experiment}/figures/gallery/{attack}"
LAYERS = "results/{experiment}/lipschitz/{model}/seed{seed}/layers.csv"
BOUNDS = "results/{experiment}/lipschitz/{model}/seed{seed}/bounds.safetensors"
NETWORK_LAYERS = "results/{experiment}/lipschitz_of_networks/{network}.csv"
UNITS = "results/{experiment}/units/{model}/seed{seed}.csv"
UNIT_IMAGES = "results/{experiment}/figures/units"
CERTIFICATES = "results/{experiment}/certificates/all.csv"
FIGURE = "results/{{experiment}}/figures/{name}.{format}"
FILTERS = "results/{{experiment}}/figures/filters/{{model}}/seed{{seed}}.{format}"
PAGE = "results/{experiment}/page.html"
BUNDLE = "results/{experiment}/paper.zip"
MANIFEST = "results/{experiment}/SHA256SUMS"
BUILD_RECORD = "results/{experiment}/build.json"

FORMATS = ("csv", "md", "tex", "html")
SHOWN_FORMATS = ("html", "csv", "tex")
TABLES = ("table1", "table2", "table5", "mistakes", "distortion", "certificates", "claims")
TABLES_OF_HALVES = ("table3", "table4")
TABLES_OF_CURES = ("cures",)
TABLES_OF_UNITS = ("units",)
BUNDLED_TABLES, BUNDLED_FIGURES = ("csv", "tex"), ("pdf", "png")
FIGURE_FORMATS = ("png", "pdf", "svg")
FIGURES = ("transfer", "mistakes", "lipschitz", "instability", "curves")
FIGURES_OF_UNITS = ("units", "rotation")
FIGURES_OF_THE_PAPER = ("figure5", "figure6", "figure7")

Wildcards = Mapping[str, Any]


def filled(pattern: str, **values: Any) -> list[str]:
    """A pattern with every combination of some values; a list for one wildcard gives several."""
    lists = [
        [value] if isinstance(value, str | int | float) else list(value)
        for value in values.values()
    ]
    return [
        pattern.format(**dict(zip(values, combination, strict=True)))
        for combination in itertools.product(*lists)
    ]


def digest(pattern: str) -> str:
    """The record of the digest of an output, as `artifacts.digests` writes it."""
    return pattern.replace("{experiment}/", "{experiment}/digests/", 1) + ".sha256"


def table(name: str) -> dict[str, str]:
    """The files of a rendered table, by format."""
    return {format: TABLE.format(name=name, format=format) for format in FORMATS}


def figure(name: str) -> dict[str, str]:
    """The files of a figure, by format."""
    return {form: FIGURE.format(name=name, format=form) for form in FIGURE_FORMATS}


def filters() -> dict[str, str]:
    """The files of the figure of a model's filters, by format."""
    return {form: FILTERS.format(format=form) for form in FIGURE_FORMATS}


def tables_of(experiment: Experiment, wildcards: Any = None) -> tuple[str, ...]:
    """Names of the tables that an experiment has."""
    return (*TABLES, *_optional(experiment))


def _optional(experiment: Experiment) -> tuple[str, ...]:
    return (
        *(TABLES_OF_HALVES if experiment.has_halves else ()),
        *(TABLES_OF_CURES if experiment.has_cures else ()),
        *(TABLES_OF_UNITS if experiment.has_units else ()),
    )


def tables_of_claims(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The tables that the claims are judged by: all others."""
    names = [name for name in tables_of(experiment) if name not in ("claims", "mistakes")]
    patterns = [table(name)["csv"] for name in names]
    return [path for pattern in patterns for path in filled(pattern, experiment=experiment.name)]


def shown_tables(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The files of all tables that the page shows or carries, by name and format."""
    patterns = [table(name)[form] for name in tables_of(experiment) for form in SHOWN_FORMATS]
    return [path for pattern in patterns for path in filled(pattern, experiment=experiment.name)]


def drawings(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The figures that the page shows as drawings."""
    names = [name for name in figures_of(experiment) if name not in FIGURES_OF_THE_PAPER]
    # the page has a matrix of its own
    patterns = [figure(name)["svg"] for name in names if name != "transfer"]
    return [path for pattern in patterns for path in filled(pattern, experiment=experiment.name)]


def all_models(experiment: Experiment, wildcards: Any) -> list[str]:
    """Folders of all models of Table 2 with the same seed, in the order of the table."""
    return filled(MODEL, experiment=experiment.name, model=experiment.models, seed=wildcards.seed)


def model_folders(experiment: Experiment, wildcards: Any = None) -> dict[str, list[str]]:
    """Folders of each model of Table 1, one for each seed."""
    return _folders(experiment, experiment.models)


def halved_folders(experiment: Experiment, wildcards: Any = None) -> dict[str, list[str]]:
    """Folders of each model of Table 3, one for each seed."""
    return _folders(experiment, experiment.halved_models)


def _folders(experiment: Experiment, models: Iterable[str]) -> dict[str, list[str]]:
    return {
        name: filled(MODEL, experiment=experiment.name, model=name, seed=experiment.seeds)
        for name in models
    }


def halved_models(experiment: Experiment, wildcards: Any) -> list[str]:
    """Folders of the models of Table 4 with the same seed, in the order of the table."""
    which = {"experiment": experiment.name, "model": experiment.halved_models}
    return filled(MODEL, **which, seed=wildcards.seed)


def halved_sets(experiment: Experiment, wildcards: Any) -> dict[str, str]:
    """The adversarial sets of Table 4 of a seed, by the model that they were made for."""
    return _sets_of(experiment, experiment.halves["attack"], wildcards.seed)


def halved_transfer(experiment: Experiment, wildcards: Any = None) -> Entry:
    """What the transfers of Table 4 depend on, apart from its models and their sets."""
    halves = experiment.halves
    return {
        "attack": halves["attack"],
        "amplified": halves["amplified"],
        "noise": {noise_name(deviation): deviation for deviation in halves["standard_deviations"]},
        "sample": experiment.sample(halves["attack"]),
        "clip": experiment.noise["clip"],
    }


def halves(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """Transfers between the models of Table 4, one file for each seed."""
    experiment.halves  # noqa: B018, raises where there are none
    return filled(HALVES, experiment=experiment.name, seed=experiment.seeds)


def shards(experiment: Experiment, wildcards: Any) -> list[str]:
    """The shards of an adversarial set; none where one job attacks all images."""
    number = experiment.shards(wildcards.attack)
    if number == 1:
        return []
    return filled(SHARD, **dict(wildcards.items()), shard=range(number), shards=number)


def of_attacks(experiment: Experiment, pattern: str) -> list[str]:
    """A path for every attack, each model that it is applied to, and each seed."""
    return [
        path
        for attack in experiment.attacks
        for path in filled(
            pattern,
            experiment=experiment.name,
            attack=attack,
            model=experiment.models_of(attack),
            seed=experiment.seeds,
        )
    ]


def attack_summaries(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The row of every adversarial set."""
    return of_attacks(experiment, ATTACK_SUMMARY)


def certified(experiment: Experiment, wildcards: Any = None) -> list[Entry]:
    """What is certified: each model and seed with its files, and its adversarial sets by attack."""
    networks = []
    for model, seed in itertools.product(experiment.models, experiment.seeds):
        which = {"experiment": experiment.name, "model": model, "seed": seed}
        sets = {
            attack: ADVERSARIAL.format(attack=attack, **which)
            for attack in experiment.attacks_of(model)
        }
        networks.append(
            {
                "model": model,
                "seed": seed,
                "folder": MODEL.format(**which),
                "bounds": BOUNDS.format(**which),
                "sets": sets,
            }
        )
    return networks


def files_of_certified(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The files of everything that is certified."""
    return [
        path
        for network in certified(experiment)
        for path in (network["folder"], network["bounds"], *network["sets"].values())
    ]


def bounded_networks(experiment: Experiment, wildcards: Any = None) -> dict[str, Entry]:
    """What Table 5 shows, by path: reference networks, then every trained model and seed."""
    shown: dict[str, Entry] = {}
    for name, entry in experiment.lipschitz["networks"].items():
        (path,) = filled(NETWORK_LAYERS, experiment=experiment.name, network=name)
        shown[path] = {
            "label": entry["label"],
            "architecture": entry["architecture"],
            "weights": weights_in_words(entry),
            "seed": 0,
        }
    for name, entry in experiment.models.items():
        for seed in experiment.seeds:
            (path,) = filled(LAYERS, experiment=experiment.name, model=name, seed=seed)
            shown[path] = {
                "label": entry["label"],
                "architecture": entry.get("architecture", ""),
                "weights": weights_in_words(entry),
                "seed": seed,
            }
    return shown


def transfers(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """Transfers of the attack that is shown; those of others are built when asked for by name."""
    which = {"experiment": experiment.name, "seed": experiment.seeds}
    return [
        *filled(TRANSFER, attack=experiment.shown_attack, **which),
        *filled(NOISE_TRANSFER, **which),
    ]


def transferred_sets(experiment: Experiment, wildcards: Any) -> dict[str, str]:
    """The adversarial sets of an attack and a seed, by the model that they were made for."""
    return _sets_of(experiment, wildcards.attack, wildcards.seed)


def _sets_of(experiment: Experiment, attack: str, seed: int) -> dict[str, str]:
    return {
        model: ADVERSARIAL.format(experiment=experiment.name, attack=attack, model=model, seed=seed)
        for model in experiment.models_of(attack)
    }


def noise_sets(experiment: Experiment, wildcards: Any) -> dict[str, Entry]:
    """The noise sets of a seed by name: those of Table 2, then that of Figure 7."""
    deviations = list(experiment.noise["standard_deviations"])
    if "figure7" in experiment.report:
        deviations.append(experiment.report["figure7"]["noise"])
    return {
        noise_name(deviation): {
            "standard_deviation": deviation,
            "path": _noise_set(experiment, deviation, wildcards.seed),
        }
        for deviation in deviations
    }


def _noise_set(experiment: Experiment, deviation: float, seed: int) -> str:
    return NOISE_SET.format(experiment=experiment.name, seed=seed, name=noise_name(deviation))


def galleries(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The folder of galleries of the attack that is shown."""
    return filled(GALLERIES, experiment=experiment.name, attack=experiment.shown_attack)


def gallery_sets(experiment: Experiment, wildcards: Any) -> dict[str, str]:
    """The adversarial sets that an attack's galleries show, by model: those of the first seed."""
    return _sets_of(experiment, wildcards.attack, experiment.seeds[0])


def shown_sets(experiment: Experiment, wildcards: Any = None) -> dict[str, str]:
    """The adversarial sets that the page shows, by model."""
    return _sets_of(experiment, experiment.shown_attack, experiment.seeds[0])


def shown_in(experiment: Experiment, figure: str) -> Entry:
    """What the report is to show in a figure of the paper.

    Raises
    ------
    ExperimentError
        If the experiment does not ask for that figure.
    """
    if figure not in experiment.report:
        raise ExperimentError(f"{experiment.name} has no report.{figure}: add it to the experiment")
    return experiment.report[figure]


def examples_of_figure(experiment: Experiment, figure: str) -> str:
    """The adversarial set that a figure shows."""
    chosen = shown_in(experiment, figure)
    return ADVERSARIAL.format(
        experiment=experiment.name,
        attack=chosen["attack"],
        model=chosen["model"],
        seed=experiment.seeds[0],
    )


def figure7_sets(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The adversarial sets of Figure 7, in the order of its models."""
    return filled(
        ADVERSARIAL,
        experiment=experiment.name,
        attack=experiment.shown_attack,
        model=shown_in(experiment, "figure7")["models"],
        seed=experiment.seeds[0],
    )


def of_first_seed(experiment: Experiment, pattern: str) -> str:
    """A path of an artifact that there is one of for each seed: that of the first."""
    return pattern.format(experiment=experiment.name, seed=experiment.seeds[0])


def figure7_noise(experiment: Experiment, wildcards: Any = None) -> str:
    """The noise set that Figure 7 shows."""
    deviation = shown_in(experiment, "figure7")["noise"]
    return _noise_set(experiment, deviation, experiment.seeds[0])


def figures_of(experiment: Experiment) -> tuple[str, ...]:
    """Names of the figures that an experiment has, apart from those in folders."""
    return (
        *FIGURES,
        *(name for name in FIGURES_OF_THE_PAPER if name in experiment.report),
        *(FIGURES_OF_UNITS if experiment.has_units else ()),
    )


def paper_figures(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The figures of the paper that the experiment asks for, as the page shows them."""
    return [
        path
        for name in FIGURES_OF_THE_PAPER
        if name in experiment.report
        for path in filled(figure(name)["png"], experiment=experiment.name)
    ]


def bounds_files(experiment: Experiment, wildcards: Any = None) -> dict[str, list[str]]:
    """The constants of each model, one file for each seed."""
    return {
        name: filled(BOUNDS, experiment=experiment.name, model=name, seed=experiment.seeds)
        for name in experiment.models
    }


def filter_figures(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The filters of each network that the experiment asks for, as the page shows them."""
    return _filter_figures(experiment, ("png",))


def _filter_figures(experiment: Experiment, formats: Iterable[str]) -> list[str]:
    which = {"experiment": experiment.name, "model": experiment.report["filters"]}
    return [
        path
        for form in formats
        for path in filled(filters()[form], **which, seed=experiment.seeds[0])
    ]


def units(experiment: Experiment, wildcards: Any = None) -> dict[str, list[str]]:
    """Measures of each model's units and directions, one file for each seed."""
    return {
        name: filled(UNITS, experiment=experiment.name, model=name, seed=experiment.seeds)
        for name in experiment.units["models"]
    }


def all_units(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The same in one list."""
    return [path for files in units(experiment).values() for path in files]


def unit_features(experiment: Experiment, wildcards: Any) -> str:
    """The network in which images are compared: of the next seed if it is the model itself."""
    features = experiment.units["features"]["model"]
    seeds = [str(seed) for seed in experiment.seeds]
    if wildcards.seed not in seeds:
        raise ExperimentError(
            f"{experiment.name} has no seed {wildcards.seed}: choose one of {', '.join(seeds)}"
        )
    place = seeds.index(wildcards.seed) + (wildcards.model == features)
    seed = seeds[place % len(seeds)]
    return MODEL.format(experiment=experiment.name, model=features, seed=seed)


def unit_pictures(experiment: Experiment, wildcards: Any = None) -> dict[str, str]:
    """The measures that the pictures of units show, by model: those of the first seed."""
    return {name: files[0] for name, files in units(experiment).items()}


def unit_images(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The folder of the images that excite units, where there are units."""
    return filled(UNIT_IMAGES, experiment=experiment.name) if experiment.has_units else []


def name_of_layer(model: str, layer: str) -> str:
    """What the pictures of a layer's units are called, without ending."""
    return f"{model}-{layer}".replace(" ", "_")


def bundled_tables(experiment: Experiment, wildcards: Any = None) -> dict[str, str]:
    """Tables of the bundle for a paper by their name in the catalogue, without ending."""
    shown = {name: table(name)["tex"] for name in catalogue.TABLES if name in tables_of(experiment)}
    return {
        name: filled(pattern, experiment=experiment.name)[0].removesuffix(".tex")
        for name, pattern in shown.items()
    }


def bundled_figures(
    experiment: Experiment, wildcards: Any = None
) -> dict[str, list[tuple[str, str]]]:
    """Figures of the bundle for a paper by their name in the catalogue.

    Each figure is what it shows, where there are several of its name, and its path without ending.
    """
    several = {
        "gallery": _bundled_galleries(experiment),
        "filters": _bundled_filters(experiment),
        "unit_images": _bundled_pictures(experiment) if experiment.has_units else [],
    }
    single = {
        name: [("", path.removesuffix(".png"))]
        for name, entry in catalogue.FIGURES.items()
        if name not in several and entry.file in figures_of(experiment)
        for path in filled(figure(entry.file)["png"], experiment=experiment.name)
    }
    shown = {name: (several | single).get(name, []) for name in catalogue.FIGURES}
    return {name: figures for name, figures in shown.items() if figures}


def _bundled_galleries(experiment: Experiment) -> list[tuple[str, str]]:
    (folder,) = galleries(experiment)
    models = experiment.models_of(experiment.shown_attack)
    return [(experiment.models[model]["label"], f"{folder}/{model}") for model in models]


def _bundled_filters(experiment: Experiment) -> list[tuple[str, str]]:
    labels = [experiment.models[model]["label"] for model in experiment.report["filters"]]
    stems = [path.removesuffix(".png") for path in filter_figures(experiment)]
    return list(zip(labels, stems, strict=True))


def _bundled_pictures(experiment: Experiment) -> list[tuple[str, str]]:
    (folder,) = filled(UNIT_IMAGES, experiment=experiment.name)
    return [
        (
            f"{experiment.models[model]['label']}, {layer}",
            f"{folder}/{name_of_layer(model, layer)}",
        )
        for model, entry in experiment.units["models"].items()
        for layer in entry["layers"]
    ]


def files_of_bundled_tables(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The files behind `bundled_tables`."""
    return [
        f"{stem}.{form}" for stem in bundled_tables(experiment).values() for form in BUNDLED_TABLES
    ]


def files_of_bundled_figures(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """The files and folders behind `bundled_figures`."""
    folders = galleries(experiment) + unit_images(experiment)
    single = [
        f"{stem}.{form}"
        for figures in bundled_figures(experiment).values()
        for _, stem in figures
        if not any(stem.startswith(f"{folder}/") for folder in folders)
        for form in BUNDLED_FIGURES
    ]
    return single + folders


def everything(experiment: Experiment) -> list[str]:
    """All that is built for an experiment: what was deleted, wherever it is, is built again."""
    last = (PAGE, MANIFEST, BUILD_RECORD)
    return [*artifacts(experiment), *(path.format(experiment=experiment.name) for path in last)]


def of_every_job(experiment: Experiment) -> list[str]:
    """What all jobs write but the last, which records the others: shards that are merged, too."""
    sharded = [
        path
        for attack in experiment.attacks
        for path in filled(
            SHARD,
            experiment=experiment.name,
            attack=attack,
            model=experiment.models_of(attack),
            seed=experiment.seeds,
            shard=range(experiment.shards(attack)),
            shards=experiment.shards(attack),
        )
        if experiment.shards(attack) > 1
    ]
    return [*sharded, *everything(experiment)[:-1]]


def every_model(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """Folders of all trained models."""
    return filled(
        MODEL, experiment=experiment.name, model=experiment.every_model, seed=experiment.seeds
    )


def artifacts(experiment: Experiment, wildcards: Any = None) -> list[str]:
    """Everything but the page, which names the commit as well, and the digests of these."""
    single = [
        DATASET,
        *(path for name in tables_of(experiment) for path in table(name).values()),
        ATTACKS_TABLE,
        TRANSFER_TABLE,
        CERTIFICATES,
        CLAIM_CASES,
        CLAIM_PICTURES,
        *(path for name in figures_of(experiment) for path in figure(name).values()),
        *((UNIT_IMAGES,) if experiment.has_units else ()),
        BUNDLE,
    ]
    seeds = experiment.seeds
    return [
        *(path for one in single for path in filled(one, experiment=experiment.name)),
        *(
            path
            for pattern, models in ((MODEL, experiment.every_model), (BOUNDS, experiment.models))
            for path in filled(pattern, experiment=experiment.name, model=models, seed=seeds)
        ),
        *of_attacks(experiment, ADVERSARIAL),
        *of_attacks(experiment, ATTACK_SUMMARY),
        *bounded_networks(experiment),
        *transfers(experiment),
        *(halves(experiment) if experiment.has_halves else ()),
        *filled(NOISE, experiment=experiment.name, seed=experiment.seeds),
        *galleries(experiment),
        *_filter_figures(experiment, FIGURE_FORMATS),
        *(all_units(experiment) if experiment.has_units else ()),
    ]
