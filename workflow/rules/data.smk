DATASET = "results/{experiment}/data/dataset.safetensors"


rule data:
    message:
        "data of {wildcards.experiment}"
    output:
        DATASET,
    params:
        data=of_experiment(lambda experiment, wildcards: experiment.data),
        code=code_of("data.py"),
    log:
        "results/{experiment}/logs/data.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    script:
        "../../scripts/data.py"
