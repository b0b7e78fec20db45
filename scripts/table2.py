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
        same_data=snakemake.params.same_data,
    )
    layouts, sortable = table2.layouts(table), table2.sortable(table)
    rests_on = basis.caption(**snakemake.params.basis, table=table, published="training images")
    caption = table2.caption(rests_on, table)
    formats.write(table, layouts, caption, snakemake.output, sortable=sortable)
