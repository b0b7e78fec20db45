# One job for all sets of an attack: a set takes less time than starting a job.
rule transfer:
    input:
        data=paths.DATASET,
        distorted=of_experiment(
            lambda *which: list(paths.transferred_sets(*which).values()),
        ),
        models=of_experiment(paths.all_models),
    output:
        paths.TRANSFER,
    log:
        "results/{experiment}/logs/transfer/{attack}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        targets=of_experiment(lambda experiment, wildcards: list(experiment.models)),
        sets=of_experiment(paths.transferred_sets),
        code=code_of("transfer.py"),
    message:
        "transfer of {wildcards.attack} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/transfer.py"


# Includes the noise: generating it takes no time, whereas starting a job takes seconds.
rule transfer_of_noise:
    input:
        data=paths.DATASET,
        models=of_experiment(paths.all_models),
    output:
        noise=directory(paths.NOISE),
        errors=paths.NOISE_TRANSFER,
    log:
        "results/{experiment}/logs/transfer_of_noise/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        sample=of_experiment(
            lambda experiment, wildcards: experiment.sample(experiment.shown_attack),
        ),
        clip=of_experiment(lambda experiment, wildcards: experiment.noise["clip"]),
        targets=of_experiment(lambda experiment, wildcards: list(experiment.models)),
        sets=of_experiment(paths.noise_sets),
        code=code_of("transfer_of_noise.py"),
    message:
        "errors under Gaussian noise in {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/transfer_of_noise.py"


# The whole of Table 4 in one job: sets, amplified sets and noise.
rule halves:
    input:
        data=paths.DATASET,
        distorted=of_experiment(
            lambda *which: list(paths.halved_sets(*which).values()),
        ),
        models=of_experiment(paths.halved_models),
    output:
        paths.HALVES,
    log:
        "results/{experiment}/logs/halves/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        targets=of_experiment(
            lambda experiment, wildcards: list(experiment.halved_models),
        ),
        sets=of_experiment(paths.halved_sets),
        settings=of_experiment(paths.halved_transfer),
        code=code_of("halves.py"),
    message:
        "transfer between training sets in {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/halves.py"
