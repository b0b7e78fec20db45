"""Table 3: models of disjoint training sets and the distortion of their adversarial examples."""

from intriguing.artifacts.files import read_json, read_table
from intriguing.job import job
from intriguing.report import basis, formats, published, table3

with job(snakemake):
    metrics = {
        model: [read_json(f"{folder}/metrics.json") for folder in folders]
        for model, folders in snakemake.params.folders.items()
    }
    table = table3.tidy(
        snakemake.params.models,
        metrics,
        read_table(snakemake.input.attacks),
        published.read(snakemake.input.published),
        snakemake.params.attack,
        same_data=snakemake.params.same_data,
    )
    caption = basis.caption(**snakemake.params.basis, table=table, published="test images")
    layouts, notes = {"": table3.layout(table)}, basis.warnings(table)
    formats.write(table, layouts, caption, snakemake.output, notes=notes)
