"""Table 5: bounds of every layer of every network."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import formats, published, table5

with job(snakemake):
    table = table5.tidy(
        [(entry, read_table(path)) for path, entry in snakemake.params.networks.items()],
        published.read(snakemake.input.published),
    )
    layouts, caption = {"": table5.layout(table)}, table5.caption(table)
    formats.write(table, layouts, caption, snakemake.output, notes=table5.notes(table))
