rule transfer:
    input:
        data=paths.DATASET,
        distorted=paths.ADVERSARIAL,
        models=of_experiment(paths.all_models),
    output:
        paths.TRANSFER,
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


# Includes the noise: generating it takes no time, whereas starting a job takes seconds.
rule transfer_of_noise:
    input:
        data=paths.DATASET,
        models=of_experiment(paths.all_models),
    output:
        noise=paths.NOISE,
        errors=paths.NOISE_TRANSFER,
    log:
        "results/{experiment}/logs/transfer_of_noise/deviation{deviation}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        sample=of_experiment(
            lambda experiment, wildcards: experiment.sample(experiment.shown_attack)
        ),
        clip=of_experiment(lambda experiment, wildcards: experiment.noise["clip"]),
        targets=of_experiment(lambda experiment, wildcards: list(experiment.models)),
        columns=lambda wildcards: {
            "seed": wildcards.seed,
            "made_for": f"noise{wildcards.deviation}",
            "attack": "gaussian_noise",
        },
        code=code_of("transfer_of_noise.py"),
    message:
        "errors under Gaussian noise {wildcards.deviation} in {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/transfer_of_noise.py"
