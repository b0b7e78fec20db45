"""Bounds of a network that is not trained here."""

from intriguing.artifacts.files import write_table
from intriguing.job import job
from intriguing.stages import lipschitz

with job(snakemake.log[0]):
    bounds = lipschitz.of_network(snakemake.params.entry)
    write_table(snakemake.output[0], lipschitz.layers_table(bounds))
