rule data:
    output:
        paths.DATASET,
    log:
        "results/{experiment}/logs/data.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        data=of_experiment(lambda experiment, wildcards: experiment.data),
        files=of_experiment(own_images),
        code=code_of("data.py", reader),
    message:
        "data of {wildcards.experiment}"
    script:
        "../../scripts/data.py"
