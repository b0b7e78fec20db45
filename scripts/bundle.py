"""The figures and tables of an experiment for a paper, in a ZIP file."""

from pathlib import Path

from intriguing.job import job
from intriguing.report import bundle

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    captions = {Path(path).stem: bundle.read_caption(path) for path in files.captions}
    contents = bundle.Contents(params.title, captions, params.tables, params.figures)
    bundle.write(contents, snakemake.output[0])
