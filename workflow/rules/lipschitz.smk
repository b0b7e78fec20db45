rule lipschitz:
    input:
        data=paths.DATASET,
        model=paths.MODEL,
    output:
        layers=paths.LAYERS,
        bounds=paths.BOUNDS,
    log:
        "results/{experiment}/logs/lipschitz/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        entry=of_experiment(lambda experiment, wildcards: experiment.bounded()),
        code=code_of("lipschitz.py"),
    message:
        "Lipschitz bounds of {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/lipschitz.py"


rule lipschitz_of_network:
    input:
        of_experiment(
            lambda experiment, wildcards: experiment.weights_of_network(
                wildcards.network,
            ),
        ),
    output:
        paths.NETWORK_LAYERS,
    log:
        "results/{experiment}/logs/lipschitz_of_networks/{network}.log",
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(15),
    params:
        entry=of_experiment(
            lambda experiment, wildcards: experiment.network(wildcards.network),
        ),
        code=code_of("lipschitz_of_network.py", network_architecture),
    message:
        "Lipschitz bounds of {wildcards.network} for {wildcards.experiment}"
    script:
        "../../scripts/lipschitz_of_network.py"


# One job for all networks: a certificate takes about as long as starting a job.
rule certify:
    input:
        data=paths.DATASET,
        networks=of_experiment(paths.files_of_certified),
    output:
        paths.CERTIFICATES,
    log:
        "results/{experiment}/logs/certificates.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        networks=of_experiment(paths.certified),
        code=code_of("certify.py"),
    message:
        "certified radii against every attack of {wildcards.experiment}"
    script:
        "../../scripts/certify.py"
