# They read tables and write tables, or a figure of one, in a second or two: on a cluster they run
# where Snakemake runs, since sending each to a node would take several times as long.
localrules:
    attacks_table,
    transfer_table,
    table1,
    table2,
    table3,
    table4,
    table5,
    certificates,
    distortion,
    cures_table,
    mistakes,
    layers_figure,
    instability,
    mistakes_figure,
    heatmap,
    curves,
    bundle,
    page,
    build_record,


rule attacks_table:
    input:
        of_experiment(paths.attack_summaries),
    output:
        paths.ATTACKS_TABLE,
    log:
        "results/{experiment}/logs/tables/attacks.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        code=code_of("collect.py"),
    message:
        "every adversarial set of {wildcards.experiment} in one table"
    script:
        "../../scripts/collect.py"


use rule attacks_table as transfer_table with:
    input:
        of_experiment(paths.transfers),
    output:
        paths.TRANSFER_TABLE,
    log:
        "results/{experiment}/logs/tables/transfer.log",
    message:
        "every transfer of {wildcards.experiment} in one table"


rule table1:
    input:
        models=of_experiment(
            lambda *which: sum(paths.model_folders(*which).values(), []),
        ),
        attacks=paths.ATTACKS_TABLE,
        published=resource("paper/table1.csv"),
    output:
        **table("table1"),
    log:
        "results/{experiment}/logs/tables/table1.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        models=of_experiment(shown_models),
        folders=of_experiment(paths.model_folders),
        attack=of_experiment(shown_attack),
        basis=of_experiment(shown_basis),
        same_data=of_experiment(same_data),
        code=code_of("table1.py"),
    message:
        "Table 1 of {wildcards.experiment}"
    script:
        "../../scripts/table1.py"


rule table2:
    input:
        transfer=paths.TRANSFER_TABLE,
        published=resource("paper/table2.csv"),
    output:
        **table("table2"),
    log:
        "results/{experiment}/logs/tables/table2.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        models=of_experiment(shown_models),
        attack=of_experiment(shown_attack),
        noise=of_experiment(lambda experiment, wildcards: experiment.noise_rows),
        basis=of_experiment(shown_basis),
        same_data=of_experiment(same_data),
        code=code_of("table2.py"),
    message:
        "Table 2 of {wildcards.experiment}"
    script:
        "../../scripts/table2.py"


rule table3:
    input:
        models=of_experiment(
            lambda *which: sum(paths.halved_folders(*which).values(), []),
        ),
        attacks=paths.ATTACKS_TABLE,
        published=resource("paper/table3.csv"),
    output:
        **table("table3"),
    log:
        "results/{experiment}/logs/tables/table3.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        models=of_experiment(halved_models),
        folders=of_experiment(paths.halved_folders),
        attack=of_experiment(
            lambda experiment, wildcards: experiment.halves["attack"],
        ),
        basis=of_experiment(halved_basis),
        same_data=of_experiment(same_data),
        code=code_of("table3.py"),
    message:
        "Table 3 of {wildcards.experiment}"
    script:
        "../../scripts/table3.py"


rule table4:
    input:
        transfer=of_experiment(paths.halves),
        published=resource("paper/table4.csv"),
    output:
        **table("table4"),
    log:
        "results/{experiment}/logs/tables/table4.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        models=of_experiment(halved_models),
        noise=of_experiment(lambda *which: paths.halved_transfer(*which)["noise"]),
        amplified=of_experiment(
            lambda experiment, wildcards: experiment.halves["amplified"],
        ),
        basis=of_experiment(halved_basis),
        same_data=of_experiment(same_data),
        code=code_of("table4.py"),
    message:
        "Table 4 of {wildcards.experiment}"
    script:
        "../../scripts/table4.py"


rule table5:
    input:
        networks=of_experiment(lambda *which: list(paths.bounded_networks(*which))),
        published=resource("paper/table5.csv"),
    output:
        **table("table5"),
    log:
        "results/{experiment}/logs/tables/table5.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        networks=of_experiment(paths.bounded_networks),
        code=code_of("table5.py"),
    message:
        "Table 5 of {wildcards.experiment}"
    script:
        "../../scripts/table5.py"


rule certificates:
    input:
        lines=paths.CERTIFICATES,
    output:
        **table("certificates"),
    log:
        "results/{experiment}/logs/tables/certificates.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        models=of_experiment(shown_models),
        attacks=of_experiment(lambda experiment, wildcards: list(experiment.attacks)),
        code=code_of("certificates.py"),
    message:
        "certified and adversarial distortion of {wildcards.experiment}"
    script:
        "../../scripts/certificates.py"


rule layers_figure:
    input:
        table=paths.table("table5")["csv"],
    output:
        **figure("lipschitz"),
    log:
        "results/{experiment}/logs/figures/lipschitz.log",
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("layers_figure.py"),
        style=style,
    message:
        "bounds of the layers of {wildcards.experiment} as a figure"
    script:
        "../../scripts/layers_figure.py"


rule instability:
    input:
        table=paths.table("certificates")["csv"],
    output:
        **figure("instability"),
    log:
        "results/{experiment}/logs/figures/instability.log",
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        attack=of_experiment(shown_attack),
        code=code_of("instability.py"),
        style=style,
    message:
        "certified, adversarial and random distortion of {wildcards.experiment} as a figure"
    script:
        "../../scripts/instability.py"


rule distortion:
    input:
        attacks=paths.ATTACKS_TABLE,
    output:
        **table("distortion"),
    log:
        "results/{experiment}/logs/tables/distortion.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        models=of_experiment(attacked_models),
        attacks=of_experiment(lambda experiment, wildcards: list(experiment.attacks)),
        dataset=of_experiment(lambda experiment, wildcards: experiment.dataset),
        code=code_of("distortion.py"),
    message:
        "distortion by attack of {wildcards.experiment}"
    script:
        "../../scripts/distortion.py"


# not called cures: an experiment is
rule cures_table:
    input:
        models=of_experiment(
            lambda *which: sum(paths.model_folders(*which).values(), []),
        ),
        bounds=of_experiment(
            lambda *which: sum(paths.bounds_files(*which).values(), []),
        ),
        attacks=paths.ATTACKS_TABLE,
        transfer=paths.TRANSFER_TABLE,
    output:
        **table("cures"),
    log:
        "results/{experiment}/logs/tables/cures.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        models=of_experiment(shown_regularisation),
        folders=of_experiment(paths.model_folders),
        bounds=of_experiment(paths.bounds_files),
        code=code_of("cures.py"),
    message:
        "adversarial and contractive training of {wildcards.experiment}"
    script:
        "../../scripts/cures.py"


rule mistakes:
    input:
        transfer=paths.TRANSFER_TABLE,
    output:
        **table("mistakes"),
    log:
        "results/{experiment}/logs/tables/mistakes.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        models=of_experiment(shown_models),
        attack=of_experiment(shown_attack),
        code=code_of("mistakes.py"),
    message:
        "how the examples of {wildcards.experiment} transfer"
    script:
        "../../scripts/mistakes.py"


rule mistakes_figure:
    input:
        table=paths.table("mistakes")["csv"],
    output:
        **figure("mistakes_figure"),
    log:
        "results/{experiment}/logs/figures/mistakes.log",
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("mistakes_figure.py"),
        style=style,
    message:
        "how the examples of {wildcards.experiment} transfer as a figure"
    script:
        "../../scripts/mistakes_figure.py"


rule heatmap:
    input:
        table=paths.table("table2")["csv"],
    output:
        **figure("transfer"),
    log:
        "results/{experiment}/logs/figures/transfer.log",
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("heatmap.py"),
        style=style,
    message:
        "transfer matrix of {wildcards.experiment} as a figure"
    script:
        "../../scripts/heatmap.py"


rule galleries:
    input:
        data=paths.DATASET,
        examples=of_experiment(lambda *which: list(paths.gallery_sets(*which).values())),
    output:
        pictures(paths.GALLERIES, "gallery"),
    log:
        "results/{experiment}/logs/figures/gallery/{attack}.log",
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        sets=of_experiment(paths.gallery_sets),
        labels=of_experiment(
            lambda experiment, wildcards: labels_of(
                experiment,
                experiment.models_of(wildcards.attack),
            ),
        ),
        shown=of_experiment(lambda experiment, wildcards: experiment.report["gallery"]),
        code=code_of("galleries.py"),
        style=style,
    message:
        "galleries of {wildcards.attack} of {wildcards.experiment}"
    script:
        "../../scripts/galleries.py"


rule figure5:
    input:
        data=paths.DATASET,
        examples=of_experiment(
            lambda experiment, wildcards: paths.examples_of_figure(
                experiment,
                "figure5",
            ),
        ),
    output:
        **figure("figure5"),
    log:
        "results/{experiment}/logs/figures/figure5.log",
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        **figure_params("figure5"),
    message:
        "Figure 5 of {wildcards.experiment}"
    script:
        "../../scripts/gallery.py"


use rule figure5 as figure6 with:
    input:
        data=paths.DATASET,
        examples=of_experiment(
            lambda experiment, wildcards: paths.examples_of_figure(
                experiment,
                "figure6",
            ),
        ),
    output:
        **figure("figure6"),
    log:
        "results/{experiment}/logs/figures/figure6.log",
    params:
        **figure_params("figure6"),
    message:
        "Figure 6 of {wildcards.experiment}"


rule figure7:
    input:
        data=paths.DATASET,
        examples=of_experiment(paths.figure7_sets),
        noise=of_experiment(
            lambda experiment, wildcards: paths.of_first_seed(experiment, paths.NOISE),
        ),
        errors=of_experiment(
            lambda experiment, wildcards: paths.of_first_seed(
                experiment,
                paths.NOISE_TRANSFER,
            ),
        ),
    output:
        **figure("figure7"),
    log:
        "results/{experiment}/logs/figures/figure7.log",
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        labels=of_experiment(
            lambda experiment, wildcards: labels_of(
                experiment,
                paths.shown_in(experiment, "figure7")["models"],
            ),
        ),
        noise=of_experiment(paths.figure7_noise),
        code=code_of("figure7.py"),
        style=style,
    message:
        "Figure 7 of {wildcards.experiment}"
    script:
        "../../scripts/figure7.py"


rule filters:
    input:
        model=paths.MODEL,
    output:
        **filters(),
    log:
        "results/{experiment}/logs/figures/filters/{model}/seed{seed}.log",
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        label=of_experiment(
            lambda experiment, wildcards: experiment.models[wildcards.model]["label"],
        ),
        code=code_of("filters.py"),
        style=style,
    message:
        "filters of {wildcards.model} of {wildcards.experiment}"
    script:
        "../../scripts/filters.py"


rule units_table:
    input:
        of_experiment(paths.all_units),
    output:
        **table("units"),
    log:
        "results/{experiment}/logs/tables/units.log",
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        files=of_experiment(paths.units),
        labels=of_experiment(labels_of_units),
        k=of_experiment(lambda experiment, wildcards: experiment.units["k"]),
        split=of_experiment(lambda experiment, wildcards: experiment.units["split"]),
        margin=of_experiment(lambda experiment, wildcards: experiment.units["margin"]),
        code=code_of("units_table.py"),
    message:
        "units against directions of {wildcards.experiment}"
    script:
        "../../scripts/units_table.py"


rule unit_images:
    input:
        data=paths.DATASET,
        units=of_experiment(lambda *which: list(paths.unit_pictures(*which).values())),
    output:
        pictures(paths.UNIT_IMAGES, "unit_images"),
    log:
        "results/{experiment}/logs/figures/unit_images.log",
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        files=of_experiment(paths.unit_pictures),
        layers=of_experiment(layers_of_units),
        sample=of_experiment(sample_of_units),
        code=code_of("unit_images.py"),
        style=style,
    message:
        "images that excite units of {wildcards.experiment}"
    script:
        "../../scripts/unit_images.py"


rule units_figure:
    input:
        of_experiment(paths.all_units),
    output:
        **figure("units_figure"),
    log:
        "results/{experiment}/logs/figures/units.log",
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        files=of_experiment(paths.units),
        labels=of_experiment(labels_of_units),
        code=code_of("units_figure.py"),
        style=style,
    message:
        "purities of units and directions of {wildcards.experiment} as a figure"
    script:
        "../../scripts/units_figure.py"


rule rotation:
    input:
        of_experiment(paths.all_units),
    output:
        **figure("rotation"),
    log:
        "results/{experiment}/logs/figures/rotation.log",
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        files=of_experiment(paths.units),
        labels=of_experiment(labels_of_units),
        code=code_of("rotation.py"),
        style=style,
    message:
        "units of {wildcards.experiment} turned into directions as a figure"
    script:
        "../../scripts/rotation.py"


rule curves:
    input:
        of_experiment(lambda *which: sum(paths.model_folders(*which).values(), [])),
    output:
        **figure("curves"),
    log:
        "results/{experiment}/logs/figures/curves.log",
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        folders=of_experiment(paths.model_folders),
        labels=of_experiment(
            lambda experiment, wildcards: labels_of(experiment, experiment.models),
        ),
        code=code_of("curves.py"),
        style=style,
    message:
        "learning curves of {wildcards.experiment} as a figure"
    script:
        "../../scripts/curves.py"


rule page:
    input:
        template=[resource(f"page/{name}") for name in PARTS_OF_PAGE],
        captions=of_experiment(captions),
        data=paths.DATASET,
        tables=of_experiment(paths.shown_tables),
        claims=paths.CLAIM_PICTURES,
        drawings=of_experiment(paths.drawings),
        examples=of_experiment(lambda *which: list(paths.shown_sets(*which).values())),
        paper_figures=of_experiment(paths.paper_figures),
        filters=of_experiment(paths.filter_figures),
        unit_images=of_experiment(paths.unit_images),
    output:
        report(
            paths.PAGE,
            caption="../report/page.rst",
            category=catalogue.PAGE,
            labels={
                "experiment": "{experiment}",
                "shows": "everything",
                "format": "HTML",
            },
        ),
    log:
        "results/{experiment}/logs/page.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        settings=of_experiment(lambda experiment, wildcards: experiment.settings),
        attack=of_experiment(
            lambda experiment, wildcards: experiment.attack(experiment.shown_attack),
        ),
        labels=of_experiment(
            lambda experiment, wildcards: labels_of(experiment, experiment.models),
        ),
        examples=of_experiment(paths.shown_sets),
        filters=of_experiment(
            lambda experiment, wildcards: labels_of(
                experiment,
                experiment.report["filters"],
            ),
        ),
        units=of_experiment(layers_of_units),
        code=code_of("page.py"),
    message:
        "page of {wildcards.experiment}"
    script:
        "../../scripts/page.py"


rule bundle:
    input:
        tables=of_experiment(paths.files_of_bundled_tables),
        figures=of_experiment(paths.files_of_bundled_figures),
        captions=of_experiment(captions),
    output:
        paths.BUNDLE,
    log:
        "results/{experiment}/logs/bundle.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        title=of_experiment(lambda experiment, wildcards: experiment.settings["title"]),
        tables=of_experiment(paths.bundled_tables),
        figures=of_experiment(paths.bundled_figures),
        code=code_of("bundle.py"),
    message:
        "tables and figures of {wildcards.experiment} for a paper"
    script:
        "../../scripts/bundle.py"


rule manifest:
    input:
        of_experiment(paths.artifacts),
    output:
        paths.MANIFEST,
    log:
        "results/{experiment}/logs/manifest.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
    params:
        code=code_of("manifest.py", lambda *_: ["intriguing.artifacts.digests:sums"]),
    message:
        "digests of {wildcards.experiment}"
    script:
        "../../scripts/manifest.py"


# last, and in no table, no page and no digest: it differs between two builds
rule build_record:
    input:
        page=paths.PAGE,
        manifest=paths.MANIFEST,
        data=paths.DATASET,
        models=of_experiment(paths.every_model),
    output:
        paths.BUILD_RECORD,
    log:
        "results/{experiment}/logs/build_record.log",
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        title=of_experiment(lambda experiment, wildcards: experiment.settings["title"]),
        seeds=of_experiment(lambda experiment, wildcards: experiment.seeds),
        logs=of_experiment(logs_of_jobs),
        code=code_of("build_record.py"),
    message:
        "times and machine of {wildcards.experiment}"
    script:
        "../../scripts/build_record.py"
