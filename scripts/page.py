"""The page of an experiment."""

from pathlib import Path

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_text
from intriguing.job import job
from intriguing.report.checkout import commit_of
from intriguing.report.page import render


def by_name(paths, ending=""):
    return {Path(path).stem: path for path in paths if path.endswith(ending)}


with job(snakemake):
    files, params = snakemake.input, snakemake.params
    artifacts = render.Artifacts(
        tables=by_name(files.tables, ".html"),
        drawings=by_name(files.drawings),
        claims=files.claims,
        examples=params.examples,
        captions=by_name(files.captions),
        paper_figures=by_name(files.paper_figures),
        filters=dict(zip(params.filters.values(), files.filters, strict=True)),
        unit_images={
            shown["label"]: f"{files.unit_images[0]}/{name}.png"
            for name, shown in params.units.items()
        },
    )
    folder = Path(files.template[0]).parent
    facts = render.Facts(
        data=open_dataset(files.data),
        attack=params.attack,
        labels=params.labels,
        settings=params.settings,
        commit=commit_of(folder),
    )
    page = render.render(folder, Path(snakemake.output[0]).parent, artifacts, facts)
    write_text(snakemake.output[0], page)
