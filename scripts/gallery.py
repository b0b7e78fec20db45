"""Figure of some adversarial examples of one model."""

from intriguing.dataset_file import open_dataset
from intriguing.job import job
from intriguing.stages import report

with job(snakemake.log[0]):
    report.gallery(
        open_dataset(snakemake.input.data),
        snakemake.input.examples,
        snakemake.output[0],
        count=snakemake.params.shown,
        label=snakemake.params.label,
    )
