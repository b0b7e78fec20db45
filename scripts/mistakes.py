"""Whether models make the same mistakes on adversarial examples, and how far they agree."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import formats, mistakes

with job(snakemake):
    table = mistakes.tidy(
        snakemake.params.models, read_table(snakemake.input.transfer), snakemake.params.attack
    )
    formats.write(table, {"": mistakes.layout(table)}, mistakes.caption(table), snakemake.output)
