"""Figure of certified, adversarial and random distortion of each model."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import layers_figure as bound_figures

with job(snakemake.log[0]):
    bound_figures.instability(
        read_table(snakemake.input.table), snakemake.params.attack, snakemake.output[0]
    )
