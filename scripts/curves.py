"""Figure of the learning curves."""

from intriguing.artifacts.files import read_table
from intriguing.artifacts.model import CURVE
from intriguing.job import job
from intriguing.report import curves

with job(snakemake):
    read = {
        model: [read_table(f"{folder}/{CURVE}") for folder in folders]
        for model, folders in snakemake.params.folders.items()
    }
    curves.draw(snakemake.params.labels, read, snakemake.output)
