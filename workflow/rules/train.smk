rule train:
    input:
        data=DATASET,
    output:
        directory(MODEL),
    log:
        "results/{experiment}/logs/train/{model}/seed{seed}.log",
    # one thread for every job: sums in another order would change the last digits of a table
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        model=of_experiment(
            lambda experiment, wildcards: experiment.training(wildcards.model)
        ),
        code=code_of("train.py"),
    message:
        "training {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/train.py"
