"""Table 2: error of each model on the adversarial examples of each, and on Gaussian noise."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import basis, formats, published, table2

with job(snakemake):
    table = table2.tidy(
        snakemake.params.models,
        read_table(snakemake.input.transfer),
        published.read(snakemake.input.published),
        snakemake.params.attack,
        snakemake.params.noise,
    )
    layouts = [table2.layout(table), table2.control_layout(table)]
    caption = basis.caption(**snakemake.params.basis, published="training images")
    formats.write(table, layouts, caption, snakemake.output)
