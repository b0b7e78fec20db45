"""Pictures of the claims, for the page."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import claim_pictures

with job(snakemake):
    claim_pictures.draw_all(read_table(snakemake.input.cases), snakemake.output[0])
