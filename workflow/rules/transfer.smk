TRANSFER = "results/{experiment}/transfer/{attack}/{model}/seed{seed}.csv"
NOISE_TRANSFER = "results/{experiment}/transfer_of_noise/deviation{deviation}/seed{seed}.csv"


def all_models(experiment, wildcards):
    """Folders of all models of the same seed, in the order of the experiment."""
    return expand(
        MODEL, experiment=experiment.name, model=experiment.models, seed=wildcards.seed
    )


rule transfer:
    message:
        "transfer of {wildcards.attack} made for {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    input:
        data=DATASET,
        distorted=ADVERSARIAL,
        models=of_experiment(all_models),
    output:
        TRANSFER,
    params:
        targets=of_experiment(lambda experiment, wildcards: list(experiment.models)),
        columns=lambda wildcards: {
            "seed": wildcards.seed,
            "made_for": wildcards.model,
            "attack": wildcards.attack,
        },
        code=code_of("transfer.py"),
    log:
        "results/{experiment}/logs/transfer/{attack}/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    script:
        "../../scripts/transfer.py"


use rule transfer as transfer_of_noise with:
    message:
        "errors under Gaussian noise {wildcards.deviation} in {wildcards.experiment}, seed {wildcards.seed}"
    input:
        data=DATASET,
        distorted=NOISE,
        models=of_experiment(all_models),
    output:
        NOISE_TRANSFER,
    params:
        targets=of_experiment(lambda experiment, wildcards: list(experiment.models)),
        columns=lambda wildcards: {
            "seed": wildcards.seed,
            "made_for": f"noise{wildcards.deviation}",
            "attack": "gaussian_noise",
        },
        code=code_of("transfer.py"),
    log:
        "results/{experiment}/logs/transfer_of_noise/deviation{deviation}/seed{seed}.log",
