# Where every artifact lies, and lists of them: rules name files through these alone.

DATASET = "results/{experiment}/data/dataset.safetensors"
MODEL = "results/{experiment}/models/{model}/seed{seed}"
ADVERSARIAL = "results/{experiment}/adversarial/{attack}/{model}/seed{seed}.safetensors"
ATTACK_SUMMARY = "results/{experiment}/adversarial/{attack}/{model}/seed{seed}.csv"
SHARD = "results/{experiment}/adversarial/{attack}/{model}/seed{seed}/shard{shard}of{shards}.safetensors"
NOISE = "results/{experiment}/noise/deviation{deviation}/seed{seed}.safetensors"
TRANSFER = "results/{experiment}/transfer/{attack}/{model}/seed{seed}.csv"
NOISE_TRANSFER = (
    "results/{experiment}/transfer_of_noise/deviation{deviation}/seed{seed}.csv"
)
ATTACKS_TABLE = "results/{experiment}/tables/attacks.csv"
TRANSFER_TABLE = "results/{experiment}/tables/transfer.csv"
TABLE = "results/{{experiment}}/tables/{name}.{format}"
HEATMAP = "results/{experiment}/figures/transfer.png"
GALLERY = "results/{experiment}/figures/gallery/{attack}/{model}/seed{seed}.png"
LAYERS = "results/{experiment}/lipschitz/{model}/seed{seed}/layers.csv"
BOUNDS = "results/{experiment}/lipschitz/{model}/seed{seed}/bounds.safetensors"
NETWORK_LAYERS = "results/{experiment}/lipschitz_of_networks/{network}.csv"
CERTIFICATE = "results/{experiment}/certificates/{model}/seed{seed}.csv"
CERTIFICATES = "results/{experiment}/certificates/all.csv"
LIPSCHITZ_FIGURE = "results/{experiment}/figures/lipschitz.png"
INSTABILITY_FIGURE = "results/{experiment}/figures/instability.png"
FIGURE = "results/{{experiment}}/figures/{name}.png"
FILTERS = "results/{experiment}/figures/filters/{model}/seed{seed}.png"
PAGE = "results/{experiment}/page.html"


def table(name):
    """The files of a rendered table, by format."""
    formats = ("csv", "md", "tex", "html")
    return {format: TABLE.format(name=name, format=format) for format in formats}


def all_models(experiment, wildcards):
    """Folders of all models of the same seed, in the order of the experiment."""
    return expand(
        MODEL, experiment=experiment.name, model=experiment.models, seed=wildcards.seed
    )


def model_folders(experiment, wildcards):
    """Folders of each model, one for each seed."""
    return {
        name: expand(
            MODEL, experiment=experiment.name, model=name, seed=experiment.seeds
        )
        for name in experiment.models
    }


def shards(experiment, wildcards):
    number = experiment.shards(wildcards.attack)
    return expand(SHARD, shard=range(number), shards=number, **dict(wildcards.items()))


def of_attacks(experiment, path):
    """A path for every attack, each model that it is made for, and each seed."""
    return [
        one
        for attack in experiment.attacks
        for one in expand(
            path,
            experiment=experiment.name,
            attack=attack,
            model=experiment.models_of(attack),
            seed=experiment.seeds,
        )
    ]


def attack_summaries(experiment, wildcards):
    return of_attacks(experiment, ATTACK_SUMMARY)


def all_attacks(experiment, wildcards):
    """Adversarial sets of one model and seed, in the order of the attacks."""
    attacks = experiment.attacks_of(wildcards.model)
    return expand(ADVERSARIAL, attack=attacks, **dict(wildcards.items()))


def certificates(experiment, wildcards):
    return expand(
        CERTIFICATE,
        experiment=experiment.name,
        model=experiment.models,
        seed=experiment.seeds,
    )


def bounded_networks(experiment, wildcards):
    """What Table 5 shows, by path: reference networks, then every trained model and seed."""
    shown = {}
    for name, entry in experiment.lipschitz["networks"].items():
        (path,) = expand(NETWORK_LAYERS, experiment=experiment.name, network=name)
        shown[path] = {
            "label": entry["label"],
            "architecture": entry["architecture"],
            "seed": 0,
        }
    for name, entry in experiment.models.items():
        for seed in experiment.seeds:
            (path,) = expand(LAYERS, experiment=experiment.name, model=name, seed=seed)
            shown[path] = {
                "label": entry["label"],
                "architecture": entry.get("architecture", ""),
                "seed": seed,
            }
    return shown


def transfers(experiment, wildcards):
    """Of the attack that is shown; those of others are built when asked for by name."""
    adversarial = expand(
        TRANSFER,
        experiment=experiment.name,
        attack=experiment.shown_attack,
        model=experiment.models,
        seed=experiment.seeds,
    )
    noise = expand(
        NOISE_TRANSFER,
        experiment=experiment.name,
        deviation=experiment.noise["standard_deviations"],
        seed=experiment.seeds,
    )
    return adversarial + noise


def galleries(experiment, wildcards):
    return expand(
        GALLERY,
        experiment=experiment.name,
        attack=experiment.shown_attack,
        model=experiment.models,
        seed=experiment.seeds[0],
    )


def shown_in(experiment, figure):
    """What the report is to show in a figure of the paper."""
    if figure not in experiment.report:
        raise WorkflowError(
            f"{experiment.name} has no report.{figure}: add it to the experiment"
        )
    return experiment.report[figure]


def examples_of_figure(experiment, figure):
    """The adversarial set that a figure shows."""
    chosen = shown_in(experiment, figure)
    return ADVERSARIAL.format(
        experiment=experiment.name,
        attack=chosen["attack"],
        model=chosen["model"],
        seed=experiment.seeds[0],
    )


def figure7_sets(experiment, wildcards):
    """The adversarial sets of Figure 7, in the order of its models."""
    return expand(
        ADVERSARIAL,
        experiment=experiment.name,
        attack=experiment.shown_attack,
        model=shown_in(experiment, "figure7")["models"],
        seed=experiment.seeds[0],
    )


def figure7_noise(experiment, path):
    """The noise of Figure 7, or the models' errors under it."""
    return path.format(
        experiment=experiment.name,
        deviation=shown_in(experiment, "figure7")["noise"],
        seed=experiment.seeds[0],
    )


def paper_figures(experiment, wildcards):
    """The figures of the paper that the experiment asks for."""
    names = [n for n in ("figure5", "figure6", "figure7") if n in experiment.report]
    paths = [FIGURE.format(name=name) for name in names]
    return expand(paths, experiment=experiment.name)


def filter_figures(experiment, wildcards):
    return expand(
        FILTERS,
        experiment=experiment.name,
        model=experiment.report["filters"],
        seed=experiment.seeds[0],
    )


def everything(experiment):
    """All artifacts of an experiment: what was deleted, wherever it stands, is built again."""
    names = ("table1", "table2", "table5", "distortion", "certificates")
    tables = [path for name in names for path in table(name).values()]
    figures = [HEATMAP, LIPSCHITZ_FIGURE, INSTABILITY_FIGURE]
    single = [
        DATASET,
        *tables,
        ATTACKS_TABLE,
        TRANSFER_TABLE,
        CERTIFICATES,
        *figures,
        PAGE,
    ]
    many = [MODEL, BOUNDS, CERTIFICATE]
    combinations = {"model": experiment.models, "seed": experiment.seeds}
    return [
        *expand(single, experiment=experiment.name),
        *expand(many, experiment=experiment.name, **combinations),
        *of_attacks(experiment, ADVERSARIAL),
        *of_attacks(experiment, ATTACK_SUMMARY),
        *bounded_networks(experiment, None),
        *transfers(experiment, None),
        *galleries(experiment, None),
        *paper_figures(experiment, None),
        *filter_figures(experiment, None),
    ]
