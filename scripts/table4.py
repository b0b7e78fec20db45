"""Table 4: errors of models of disjoint training sets on each other's adversarial examples."""

import pandas

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import basis, formats, published, table4

with job(snakemake):
    params = snakemake.params
    table = table4.tidy(
        params.models,
        pandas.concat(map(read_table, snakemake.input.transfer)),
        published.read(snakemake.input.published),
        params.noise,
        params.amplified,
    )
    layouts = [table4.layout(table), table4.control_layout(table)]
    caption = table4.caption(basis.caption(**params.basis, published="test images"), table)
    formats.write(table, layouts, caption, snakemake.output)
