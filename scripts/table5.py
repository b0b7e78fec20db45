"""Table 5: bounds of every layer of every network."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import formats as report
from intriguing.report import published
from intriguing.report import table5 as bound_tables

with job(snakemake.log[0]):
    table = bound_tables.table5(
        [(entry, read_table(path)) for path, entry in snakemake.params.networks.items()],
        published.read(snakemake.input.published),
    )
    report.write_formats(
        table, [bound_tables.table5_layout(table)], bound_tables.TABLE5_CAPTION, snakemake.output
    )
