rule attack:
    input:
        data=DATASET,
        model=MODEL,
    output:
        examples=ADVERSARIAL,
        summary=ATTACK_SUMMARY,
    log:
        "results/{experiment}/logs/attack/{attack}/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        attack=of_experiment(lambda experiment, wildcards: experiment.attack(wildcards.attack)),
        columns=lambda wildcards: {
            "seed": wildcards.seed,
            "model": wildcards.model,
            "attack": wildcards.attack,
        },
        code=code_of("attack.py"),
    message:
        "attack {wildcards.attack} on {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/attack.py"


rule noise:
    input:
        data=DATASET,
    output:
        NOISE,
    log:
        "results/{experiment}/logs/noise/deviation{deviation}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        attack=of_experiment(
            lambda experiment, wildcards: experiment.attack(experiment.shown_attack)
        ),
        clip=of_experiment(lambda experiment, wildcards: experiment.noise["clip"]),
        code=code_of("noise.py"),
    message:
        "Gaussian noise {wildcards.deviation} for {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/noise.py"
