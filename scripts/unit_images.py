"""Figures 1 to 4: images that excite units and random directions most, in a folder."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.job import job
from intriguing.report import unit_images

with job(snakemake):
    unit_images.draw_all(
        open_dataset(snakemake.input.data),
        snakemake.params.files,
        snakemake.params.layers,
        snakemake.output[0],
        **snakemake.params.sample,
    )
