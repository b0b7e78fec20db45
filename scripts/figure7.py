"""Figure 7: pairs of images for some models and for noise, with accuracies."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import formats as report

with job(snakemake.log[0]):
    report.figure7(
        open_dataset(snakemake.input.data),
        snakemake.input.examples,
        snakemake.params.labels,
        snakemake.input.noise,
        read_table(snakemake.input.errors),
        snakemake.output[0],
    )
