rule claims:
    input:
        of_experiment(paths.tables_of_claims),
    output:
        **table("claims"),
    log:
        "results/{experiment}/logs/tables/claims.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        code=code_of("claims.py"),
    message:
        "the paper's claims, judged by {wildcards.experiment}"
    script:
        "../../scripts/claims.py"
