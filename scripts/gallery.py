"""Figures 5 and 6: adversarial examples of one model."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.job import job
from intriguing.report import gallery

with job(snakemake):
    gallery.draw_set(
        open_dataset(snakemake.input.data),
        snakemake.input.examples,
        snakemake.output,
        count=snakemake.params.shown,
        label=snakemake.params.label,
    )
