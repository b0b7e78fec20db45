rule units:
    input:
        data=paths.DATASET,
        model=paths.MODEL,
        features=of_experiment(paths.unit_features),
    output:
        paths.UNITS,
    log:
        "results/{experiment}/logs/units/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(15),
    params:
        entry=of_experiment(
            lambda experiment, wildcards: experiment.units_of(wildcards.model),
        ),
        code=code_of("units.py"),
    message:
        "units and directions of {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/units.py"
