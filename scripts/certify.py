"""Certified radii of every adversarial set; fails if an example lies inside one."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.job import job
from intriguing.stages import certificate

with job(snakemake):
    data = open_dataset(snakemake.input.data)
    write_table(snakemake.output[0], certificate.of_networks(data, snakemake.params.networks))
