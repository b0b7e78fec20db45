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
        same_data=params.same_data,
    )
    layouts, sortable = table4.layouts(table), table4.sortable(table)
    rests_on = basis.caption(**params.basis, table=table, published="test images")
    caption = table4.caption(rests_on, table)
    formats.write(table, layouts, caption, snakemake.output, sortable=sortable)
