"""Attack one model: its adversarial set and a line about it."""

from intriguing import trained_model
from intriguing.artifacts import write_table
from intriguing.dataset_file import open_dataset
from intriguing.job import job
from intriguing.stages import attack

with job(snakemake.log[0]):
    data = open_dataset(snakemake.input.data)
    entry, seed = snakemake.params.attack, int(snakemake.wildcards.seed)
    made = attack.run(data, trained_model.load(snakemake.input.model), entry, seed=seed)
    made.save(snakemake.output.examples, code=snakemake.params.code)
    line = attack.summary(made, data.sample(entry["split"], entry["count"]).indices)
    for column, value in snakemake.params.columns.items():
        line.insert(0, column, value)
    write_table(snakemake.output.summary, line)
