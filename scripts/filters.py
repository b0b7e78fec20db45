"""Figure of the filters of a QuocNet-style network, next to the random ones it started from."""

from intriguing.job import job
from intriguing.stages import filters

with job(snakemake):
    filters.run(
        snakemake.input.model,
        snakemake.wildcards.model,
        snakemake.output,
        title=snakemake.params.label,
    )
