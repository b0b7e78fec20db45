"""Table 2: error of each model on the examples made for each, and on Gaussian noise."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import cells as tables
from intriguing.report import formats as report
from intriguing.report import published

with job(snakemake.log[0]):
    table = tables.table2(
        snakemake.params.models,
        read_table(snakemake.input.transfer),
        published.read(snakemake.input.published),
        snakemake.params.attack,
    )
    layouts = [tables.table2_layout(table), tables.control_layout(table)]
    caption = tables.caption(**snakemake.params.basis)
    report.write_formats(table, layouts, caption, snakemake.output)
