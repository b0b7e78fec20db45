"""Figure of certified, adversarial and random distortion of each model."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import instability

with job(snakemake):
    instability.draw(read_table(snakemake.input.table), snakemake.params.attack, snakemake.output)
