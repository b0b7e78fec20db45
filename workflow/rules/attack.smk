rule attack:
    input:
        data=DATASET,
        model=MODEL,
    output:
        # dropped once merged; until then what a killed run had finished is kept
        temp(SHARD),
    log:
        "results/{experiment}/logs/attack/{attack}/{model}/seed{seed}/shard{shard}of{shards}.log",
    threads: 1
    resources:
        mem_mb=of_experiment(
            lambda experiment, wildcards: 1500
            + experiment.attack(wildcards.attack)["memory_mb"]
        ),
        runtime=120,
    params:
        attack=of_experiment(
            lambda experiment, wildcards: experiment.attack(wildcards.attack)
        ),
        device=of_experiment(lambda experiment, wildcards: experiment.device),
        code=code_of("attack.py"),
    message:
        "attack {wildcards.attack} on {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../../scripts/attack.py"


rule merge:
    input:
        data=DATASET,
        # the shards are gone when a change of the model is looked for
        model=MODEL,
        shards=of_experiment(shards),
    output:
        examples=ADVERSARIAL,
        summary=ATTACK_SUMMARY,
    log:
        "results/{experiment}/logs/merge/{attack}/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        attack=of_experiment(
            lambda experiment, wildcards: experiment.attack(wildcards.attack)
        ),
        columns=lambda wildcards: {
            "seed": wildcards.seed,
            "model": wildcards.model,
            "attack": wildcards.attack,
        },
        code=code_of("merge.py"),
        code_of_shards=code_of("attack.py"),
    message:
        "set {wildcards.attack} of {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/merge.py"


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
        sample=of_experiment(
            lambda experiment, wildcards: experiment.sample(experiment.shown_attack)
        ),
        clip=of_experiment(lambda experiment, wildcards: experiment.noise["clip"]),
        code=code_of("noise.py"),
    message:
        "Gaussian noise {wildcards.deviation} for {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/noise.py"
