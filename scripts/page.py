"""The page of an experiment."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_text
from intriguing.job import job
from intriguing.report import formats as report

with job(snakemake.log[0]):
    text = report.page_html(
        snakemake.input.template,
        snakemake.params.title,
        open_dataset(snakemake.input.data),
        snakemake.params.attack,
        table1=snakemake.input.table1,
        table2=snakemake.input.table2,
        table5=snakemake.input.table5,
        distortion=snakemake.input.distortion,
        certificates=snakemake.input.certificates,
        heatmap=snakemake.input.heatmap,
        lipschitz=snakemake.input.lipschitz,
        instability=snakemake.input.instability,
        galleries=snakemake.input.galleries,
        paper_figures=snakemake.input.paper_figures,
        filters=snakemake.input.filters,
    )
    write_text(snakemake.output[0], text)
