rule attacks_table:
    input:
        of_experiment(attack_summaries),
    output:
        ATTACKS_TABLE,
    log:
        "results/{experiment}/logs/tables/attacks.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=code_of("collect.py"),
    message:
        "every adversarial set of {wildcards.experiment} in one table"
    script:
        "../../scripts/collect.py"


use rule attacks_table as transfer_table with:
    input:
        of_experiment(transfers),
    output:
        TRANSFER_TABLE,
    log:
        "results/{experiment}/logs/tables/transfer.log",
    message:
        "every transfer of {wildcards.experiment} in one table"


use rule attacks_table as certificates_table with:
    input:
        of_experiment(certificates),
    output:
        CERTIFICATES,
    log:
        "results/{experiment}/logs/certificates/all.log",
    message:
        "every certificate of {wildcards.experiment} in one table"


rule table1:
    input:
        models=of_experiment(lambda *which: sum(model_folders(*which).values(), [])),
        attacks=ATTACKS_TABLE,
        published=resource("paper/table1.csv"),
    output:
        **table("table1"),
    log:
        "results/{experiment}/logs/tables/table1.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        models=of_experiment(shown_models),
        folders=of_experiment(model_folders),
        attack=of_experiment(shown_attack),
        basis=of_experiment(shown_basis),
        code=code_of("table1.py"),
    message:
        "Table 1 of {wildcards.experiment}"
    script:
        "../../scripts/table1.py"


rule table2:
    input:
        transfer=TRANSFER_TABLE,
        published=resource("paper/table2.csv"),
    output:
        **table("table2"),
    log:
        "results/{experiment}/logs/tables/table2.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        models=of_experiment(shown_models),
        attack=of_experiment(shown_attack),
        basis=of_experiment(shown_basis),
        code=code_of("table2.py"),
    message:
        "Table 2 of {wildcards.experiment}"
    script:
        "../../scripts/table2.py"


rule table5:
    input:
        networks=of_experiment(lambda *which: list(bounded_networks(*which))),
        published=resource("paper/table5.csv"),
    output:
        **table("table5"),
    log:
        "results/{experiment}/logs/tables/table5.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        networks=of_experiment(bounded_networks),
        code=code_of("table5.py"),
    message:
        "Table 5 of {wildcards.experiment}"
    script:
        "../../scripts/table5.py"


rule certificates:
    input:
        lines=CERTIFICATES,
    output:
        **table("certificates"),
    log:
        "results/{experiment}/logs/tables/certificates.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        models=of_experiment(shown_models),
        attacks=of_experiment(lambda experiment, wildcards: list(experiment.attacks)),
        code=code_of("certificates.py"),
    message:
        "certified and found distortion of {wildcards.experiment}"
    script:
        "../../scripts/certificates.py"


rule lipschitz_figure:
    input:
        table=table("table5")["csv"],
    output:
        LIPSCHITZ_FIGURE,
    log:
        "results/{experiment}/logs/figures/lipschitz.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("lipschitz_figure.py"),
    message:
        "bounds of the layers of {wildcards.experiment} as a figure"
    script:
        "../../scripts/lipschitz_figure.py"


rule instability_figure:
    input:
        table=table("certificates")["csv"],
    output:
        INSTABILITY_FIGURE,
    log:
        "results/{experiment}/logs/figures/instability.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        attack=of_experiment(shown_attack),
        code=code_of("instability_figure.py"),
    message:
        "certified, adversarial and random distortion of {wildcards.experiment} as a figure"
    script:
        "../../scripts/instability_figure.py"


rule distortion:
    input:
        attacks=ATTACKS_TABLE,
    output:
        **table("distortion"),
    log:
        "results/{experiment}/logs/tables/distortion.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        models=of_experiment(shown_models),
        attacks=of_experiment(lambda experiment, wildcards: list(experiment.attacks)),
        dataset=of_experiment(lambda experiment, wildcards: experiment.dataset),
        code=code_of("distortion.py"),
    message:
        "distortion by attack of {wildcards.experiment}"
    script:
        "../../scripts/distortion.py"


rule transfer_heatmap:
    input:
        table=table("table2")["csv"],
    output:
        HEATMAP,
    log:
        "results/{experiment}/logs/figures/transfer.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("transfer_heatmap.py"),
    message:
        "transfer matrix of {wildcards.experiment} as a figure"
    script:
        "../../scripts/transfer_heatmap.py"


rule gallery:
    input:
        data=DATASET,
        examples=ADVERSARIAL,
    output:
        GALLERY,
    log:
        "results/{experiment}/logs/figures/gallery/{attack}/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        shown=of_experiment(lambda experiment, wildcards: experiment.report["gallery"]),
        label=of_experiment(
            lambda experiment, wildcards: experiment.models[wildcards.model]["label"]
        ),
        code=code_of("gallery.py"),
    message:
        "gallery of {wildcards.model} of {wildcards.experiment}"
    script:
        "../../scripts/gallery.py"


use rule gallery as figure5 with:
    input:
        data=DATASET,
        examples=of_experiment(
            lambda experiment, wildcards: examples_of_figure(experiment, "figure5")
        ),
    output:
        FIGURE.format(name="figure5"),
    log:
        "results/{experiment}/logs/figures/figure5.log",
    params:
        **figure_params("figure5"),
    message:
        "Figure 5 of {wildcards.experiment}"


use rule gallery as figure6 with:
    input:
        data=DATASET,
        examples=of_experiment(
            lambda experiment, wildcards: examples_of_figure(experiment, "figure6")
        ),
    output:
        FIGURE.format(name="figure6"),
    log:
        "results/{experiment}/logs/figures/figure6.log",
    params:
        **figure_params("figure6"),
    message:
        "Figure 6 of {wildcards.experiment}"


rule figure7:
    input:
        data=DATASET,
        examples=of_experiment(figure7_sets),
        noise=of_experiment(
            lambda experiment, wildcards: figure7_noise(experiment, NOISE)
        ),
        errors=of_experiment(
            lambda experiment, wildcards: figure7_noise(experiment, NOISE_TRANSFER)
        ),
    output:
        FIGURE.format(name="figure7"),
    log:
        "results/{experiment}/logs/figures/figure7.log",
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        labels=of_experiment(
            lambda experiment, wildcards: {
                name: experiment.models[name]["label"]
                for name in shown_in(experiment, "figure7")["models"]
            }
        ),
        code=code_of("figure7.py"),
    message:
        "Figure 7 of {wildcards.experiment}"
    script:
        "../../scripts/figure7.py"


rule filters_figure:
    input:
        model=MODEL,
    output:
        FILTERS,
    log:
        "results/{experiment}/logs/figures/filters/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        label=of_experiment(
            lambda experiment, wildcards: experiment.models[wildcards.model]["label"]
        ),
        code=code_of("filters_figure.py"),
    message:
        "filters of {wildcards.model} of {wildcards.experiment}"
    script:
        "../../scripts/filters_figure.py"


rule page:
    input:
        template=resource("page.html.j2"),
        data=DATASET,
        table1=table("table1")["html"],
        table2=table("table2")["html"],
        table5=table("table5")["html"],
        distortion=table("distortion")["html"],
        certificates=table("certificates")["html"],
        heatmap=HEATMAP,
        lipschitz=LIPSCHITZ_FIGURE,
        instability=INSTABILITY_FIGURE,
        galleries=of_experiment(galleries),
        paper_figures=of_experiment(paper_figures),
        filters=of_experiment(filter_figures),
    output:
        PAGE,
    log:
        "results/{experiment}/logs/page.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        title=of_experiment(lambda experiment, wildcards: experiment.settings["title"]),
        attack=of_experiment(
            lambda experiment, wildcards: experiment.attack(experiment.shown_attack)
        ),
        code=code_of("page.py"),
    message:
        "page of {wildcards.experiment}"
    script:
        "../../scripts/page.py"
