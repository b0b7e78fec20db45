"""Units and directions of one model's layers: measures of the images that excite them most."""

from intriguing.artifacts import model
from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.job import job
from intriguing.networks import trained
from intriguing.networks.untrained import untrained
from intriguing.stages import units

with job(snakemake):
    folder = snakemake.input.model
    rows = units.run(
        open_dataset(snakemake.input.data),
        trained.load(folder),
        untrained(model.settings(folder), snakemake.wildcards.model).eval(),
        trained.load(snakemake.input.features),
        snakemake.params.entry,
        seed=int(snakemake.wildcards.seed),
    )
    write_table(snakemake.output[0], rows)
