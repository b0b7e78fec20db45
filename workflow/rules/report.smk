TABLE = "results/{{experiment}}/tables/{name}.{format}"
FORMATS = ["csv", "md", "tex", "html"]


def shown_attack(experiment, wildcards):
    return experiment.shown_attack


def shown_models(experiment, wildcards):
    """What tables and figures show of each model."""
    keys = ("label", "description", "role")
    return {
        name: {key: entry[key] for key in keys if key in entry}
        for name, entry in experiment.models.items()
    }


def model_folders(experiment, wildcards):
    """Folders of each model, one for each seed."""
    return {
        name: expand(MODEL, experiment=experiment.name, model=name, seed=experiment.seeds)
        for name in experiment.models
    }


def attack_summaries(experiment, wildcards):
    return expand(
        ATTACK_SUMMARY,
        experiment=experiment.name,
        attack=experiment.attacks,
        model=experiment.models,
        seed=experiment.seeds,
    )


def transfers(experiment, wildcards):
    adversarial = expand(
        TRANSFER,
        experiment=experiment.name,
        attack=experiment.attacks,
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
        "results/{experiment}/figures/gallery/{attack}/{model}/seed{seed}.png",
        experiment=experiment.name,
        attack=experiment.shown_attack,
        model=experiment.models,
        seed=experiment.seeds[0],
    )


rule attacks_table:
    message:
        "every adversarial set of {wildcards.experiment} in one table"
    input:
        of_experiment(attack_summaries),
    output:
        "results/{experiment}/tables/attacks.csv",
    params:
        code=code_of("collect.py"),
    log:
        "results/{experiment}/logs/tables/attacks.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    script:
        "../../scripts/collect.py"


use rule attacks_table as transfer_table with:
    message:
        "every transfer of {wildcards.experiment} in one table"
    input:
        of_experiment(transfers),
    output:
        "results/{experiment}/tables/transfer.csv",
    log:
        "results/{experiment}/logs/tables/transfer.log",


rule table1:
    message:
        "Table 1 of {wildcards.experiment}"
    input:
        models=of_experiment(lambda *which: sum(model_folders(*which).values(), [])),
        attacks="results/{experiment}/tables/attacks.csv",
        published=resource("paper/table1.csv"),
    output:
        **{name: TABLE.format(name="table1", format=name) for name in FORMATS},
    params:
        models=of_experiment(shown_models),
        folders=of_experiment(model_folders),
        attack=of_experiment(shown_attack),
        code=code_of("table1.py"),
    log:
        "results/{experiment}/logs/tables/table1.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    script:
        "../../scripts/table1.py"


rule table2:
    message:
        "Table 2 of {wildcards.experiment}"
    input:
        transfer="results/{experiment}/tables/transfer.csv",
        published=resource("paper/table2.csv"),
    output:
        **{name: TABLE.format(name="table2", format=name) for name in FORMATS},
    params:
        models=of_experiment(shown_models),
        attack=of_experiment(shown_attack),
        code=code_of("table2.py"),
    log:
        "results/{experiment}/logs/tables/table2.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    script:
        "../../scripts/table2.py"


rule transfer_heatmap:
    message:
        "transfer matrix of {wildcards.experiment} as a figure"
    input:
        table="results/{experiment}/tables/table2.csv",
    output:
        "results/{experiment}/figures/transfer.png",
    params:
        code=code_of("transfer_heatmap.py"),
    log:
        "results/{experiment}/logs/figures/transfer.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../../scripts/transfer_heatmap.py"


rule gallery:
    message:
        "gallery of {wildcards.model} of {wildcards.experiment}"
    input:
        data=DATASET,
        examples=ADVERSARIAL,
    output:
        "results/{experiment}/figures/gallery/{attack}/{model}/seed{seed}.png",
    params:
        shown=of_experiment(lambda experiment, wildcards: experiment.report["gallery"]),
        label=of_experiment(
            lambda experiment, wildcards: experiment.models[wildcards.model]["label"]
        ),
        code=code_of("gallery.py"),
    log:
        "results/{experiment}/logs/figures/gallery/{attack}/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    script:
        "../../scripts/gallery.py"


rule page:
    message:
        "page of {wildcards.experiment}"
    input:
        template=resource("page.html.j2"),
        data=DATASET,
        table1="results/{experiment}/tables/table1.html",
        table2="results/{experiment}/tables/table2.html",
        heatmap="results/{experiment}/figures/transfer.png",
        galleries=of_experiment(galleries),
    output:
        "results/{experiment}/page.html",
    params:
        title=of_experiment(lambda experiment, wildcards: experiment.settings["title"]),
        attack=of_experiment(
            lambda experiment, wildcards: experiment.attack(experiment.shown_attack)
        ),
        code=code_of("page.py"),
    log:
        "results/{experiment}/logs/page.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    script:
        "../../scripts/page.py"
