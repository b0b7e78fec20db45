"""Figure of certified, adversarial and random distortion of each model."""

from intriguing import bound_figures
from intriguing.artifacts import read_table
from intriguing.job import job

with job(snakemake.log[0]):
    bound_figures.instability(
        read_table(snakemake.input.table), snakemake.params.attack, snakemake.output[0]
    )
