"""Figures of some adversarial examples of every model, in a folder."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.job import job
from intriguing.report import gallery

with job(snakemake):
    gallery.draw_sets(
        open_dataset(snakemake.input.data),
        snakemake.params.sets,
        snakemake.params.labels,
        snakemake.output[0],
        count=snakemake.params.shown,
    )
