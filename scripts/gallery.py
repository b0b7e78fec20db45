"""Figure of some adversarial examples of one model."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.job import job
from intriguing.report import formats as report

with job(snakemake.log[0]):
    report.gallery(
        open_dataset(snakemake.input.data),
        snakemake.input.examples,
        snakemake.output[0],
        count=snakemake.params.shown,
        label=snakemake.params.label,
    )
