"""Bounds of one trained model: a row a layer, and what certificates need."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.job import job
from intriguing.networks import trained
from intriguing.stages import lipschitz

with job(snakemake):
    bounds = lipschitz.run(
        open_dataset(snakemake.input.data),
        trained.load(snakemake.input.model),
        snakemake.params.entry,
    )
    write_table(snakemake.output.layers, lipschitz.layers_table(bounds))
    lipschitz.save_constants(snakemake.output.bounds, bounds)
