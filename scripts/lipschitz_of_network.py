"""Bounds of a network that is not trained here."""

from intriguing.artifacts.files import write_table
from intriguing.job import job
from intriguing.stages import lipschitz_of_network
from intriguing.stages.lipschitz import layers_table

with job(snakemake):
    bounds = lipschitz_of_network.run(snakemake.params.entry)
    write_table(snakemake.output[0], layers_table(bounds))
