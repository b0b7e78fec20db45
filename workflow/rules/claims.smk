rule claims:
    input:
        of_experiment(paths.tables_of_claims),
    output:
        **table("claims"),
        cases=paths.CLAIM_CASES,
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


rule claim_pictures:
    input:
        cases=paths.CLAIM_CASES,
    output:
        directory(paths.CLAIM_PICTURES),
    log:
        "results/{experiment}/logs/claim_pictures.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("claim_pictures.py"),
        style=style,
    message:
        "pictures of the claims, for the page of {wildcards.experiment}"
    script:
        "../../scripts/claim_pictures.py"
