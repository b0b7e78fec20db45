MODEL = "results/{experiment}/models/{model}/seed{seed}"


rule train:
    message:
        "training {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    input:
        data=DATASET,
    output:
        directory(MODEL),
    params:
        model=of_experiment(lambda experiment, wildcards: experiment.training(wildcards.model)),
        code=code_of("train.py"),
    log:
        "results/{experiment}/logs/train/{model}/seed{seed}.log",
    # one thread for every job: sums in another order would change the last digits of a table
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    script:
        "../../scripts/train.py"
