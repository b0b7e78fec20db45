"""Table 1: errors of each model and the average distortion of its adversarial examples."""

from intriguing.artifacts.files import read_json, read_table
from intriguing.job import job
from intriguing.report import basis, formats, published, table1

with job(snakemake):
    metrics = {
        model: [read_json(f"{folder}/metrics.json") for folder in folders]
        for model, folders in snakemake.params.folders.items()
    }
    table = table1.tidy(
        snakemake.params.models,
        metrics,
        read_table(snakemake.input.attacks),
        published.read(snakemake.input.published),
        snakemake.params.attack,
        same_data=snakemake.params.same_data,
    )
    caption = basis.caption(**snakemake.params.basis, table=table, published="training images")
    layouts, notes = {"": table1.layout(table)}, basis.warnings(table)
    formats.write(table, layouts, caption, snakemake.output, notes=notes)
