"""Bounds of one trained model: a row a layer, and what certificates need."""

from intriguing import trained_model
from intriguing.artifacts import write_table
from intriguing.dataset_file import open_dataset
from intriguing.job import job
from intriguing.stages import lipschitz

with job(snakemake.log[0]):
    bounds = lipschitz.of_model(
        open_dataset(snakemake.input.data),
        trained_model.load(snakemake.input.model),
        snakemake.params.entry,
    )
    write_table(snakemake.output.layers, lipschitz.layers_table(bounds))
    lipschitz.save(snakemake.output.bounds, bounds)
