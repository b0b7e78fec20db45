"""The page of an experiment."""

from pathlib import Path

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_text
from intriguing.job import job
from intriguing.report import page

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    artifacts = page.Artifacts(
        tables={name: files.get(name) for name in page.TABLES}
        | {Path(path).stem: path for path in files.optional},
        figures={name: files.get(name) for name in page.FIGURES},
        galleries={
            label: f"{files.galleries[0]}/{model}.png" for model, label in params.galleries.items()
        },
        paper_figures={Path(path).stem: path for path in files.paper_figures},
        filters=dict(zip(params.filters.values(), files.filters, strict=True)),
        unit_figures={Path(path).stem: path for path in files.units if path.endswith(".png")},
        unit_images={
            shown["label"]: f"{files.units[-1]}/{name}.png" for name, shown in params.units.items()
        },
    )
    commit = page.commit_of(Path(files.template).parent)
    facts = page.facts_of(open_dataset(files.data), params.attack, commit)
    write_text(snakemake.output[0], page.render(files.template, params.title, artifacts, facts))
