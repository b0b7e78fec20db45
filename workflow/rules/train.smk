rule train:
    input:
        data=paths.DATASET,
        weights=of_experiment(
            lambda experiment, wildcards: experiment.weights_of_model(wildcards.model),
        ),
    output:
        model=directory(paths.MODEL),
        digest=paths.digest(paths.MODEL),
    log:
        "results/{experiment}/logs/train/{model}/seed{seed}.log",
    # one thread for every job: sums in another order would change the last digits of a table
    cache: CACHED
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
        gpu=of_experiment(cards),
    params:
        # neither input nor settings: without them all seeds would be one entry of the cache
        name=lambda wildcards: wildcards.model,
        seed=lambda wildcards: wildcards.seed,
        model=of_experiment(
            lambda experiment, wildcards: experiment.training(wildcards.model),
        ),
        device=of_experiment(lambda experiment, wildcards: experiment.device),
        factory=of_experiment(factory_code),
        code=code_of("train.py", network_of_model),
    message:
        "training {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/train.py"
