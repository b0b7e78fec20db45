rule data:
    output:
        paths.DATASET,
    log:
        "results/{experiment}/logs/data.log",
    # the nodes of many clusters have no network, from which data may have to come
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        data=of_experiment(lambda experiment, wildcards: experiment.data),
        files=of_experiment(own_images),
        code=code_of("data.py", reader),
    message:
        "data of {wildcards.experiment}"
    script:
        "../../scripts/data.py"
