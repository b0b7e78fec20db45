rule transfer:
    input:
        data=DATASET,
        distorted=ADVERSARIAL,
        models=of_experiment(all_models),
    output:
        TRANSFER,
    log:
        "results/{experiment}/logs/transfer/{attack}/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        targets=of_experiment(lambda experiment, wildcards: list(experiment.models)),
        columns=lambda wildcards: {
            "seed": wildcards.seed,
            "made_for": wildcards.model,
            "attack": wildcards.attack,
        },
        code=code_of("transfer.py"),
    message:
        "transfer of {wildcards.attack} made for {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/transfer.py"


use rule transfer as transfer_of_noise with:
    input:
        data=DATASET,
        distorted=NOISE,
        models=of_experiment(all_models),
    output:
        NOISE_TRANSFER,
    log:
        "results/{experiment}/logs/transfer_of_noise/deviation{deviation}/seed{seed}.log",
    params:
        targets=of_experiment(lambda experiment, wildcards: list(experiment.models)),
        columns=lambda wildcards: {
            "seed": wildcards.seed,
            "made_for": f"noise{wildcards.deviation}",
            "attack": "gaussian_noise",
        },
        code=code_of("transfer.py"),
    message:
        "errors under Gaussian noise {wildcards.deviation} in {wildcards.experiment}, seed {wildcards.seed}"
