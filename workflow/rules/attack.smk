rule attack_shard:
    input:
        data=paths.DATASET,
        model=paths.MODEL,
    output:
        # removed once merged; until then a killed run keeps its finished shards
        part=temp(paths.SHARD),
        digest=paths.digest(paths.SHARD),
    log:
        "results/{experiment}/logs/attack/{attack}/{model}/seed{seed}/shard{shard}of{shards}.log",
    cache: CACHED_LOCALLY
    threads: 1
    resources:
        mem_mb=growing(of_experiment(memory_of_attack)),
        runtime=growing(30),
        gpu=of_experiment(cards),
    params:
        attack=of_experiment(
            lambda experiment, wildcards: experiment.attack(wildcards.attack),
        ),
        device=of_experiment(lambda experiment, wildcards: experiment.device),
        columns=columns_of_set,
        shard=lambda wildcards: [wildcards.shard, wildcards.shards],
        code=code_of("attack_shard.py", method),
        code_of_examples=code_of_examples,
    message:
        "attack {wildcards.attack} on {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../../scripts/attack_shard.py"


# A set that one job attacks, or that is merged from the shards of several.
rule attack:
    input:
        data=paths.DATASET,
        # by the time a change of the model is checked, the shards have been removed
        model=paths.MODEL,
        shards=of_experiment(paths.shards),
    output:
        examples=paths.ADVERSARIAL,
        summary=paths.ATTACK_SUMMARY,
        digest_of_examples=paths.digest(paths.ADVERSARIAL),
        digest_of_summary=paths.digest(paths.ATTACK_SUMMARY),
    log:
        "results/{experiment}/logs/attack/{attack}/{model}/seed{seed}.log",
    cache: CACHED_LOCALLY
    threads: 1
    resources:
        mem_mb=growing(of_experiment(memory_of_attack)),
        runtime=growing(30),
        gpu=of_experiment(cards),
    params:
        script=of_experiment(lambda *which: "merge" if is_sharded(*which) else "attack"),
        attack=of_experiment(
            lambda experiment, wildcards: experiment.attack(wildcards.attack),
        ),
        device=of_experiment(lambda experiment, wildcards: experiment.device),
        columns=columns_of_set,
        code=of_experiment(code_of_set),
        code_of_examples=code_of_examples,
    message:
        "attack {wildcards.attack} on {wildcards.model} of {wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/{params.script}.py"
