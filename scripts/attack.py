"""The adversarial set of one model, attacked in one job, and a line about it."""

from intriguing.artifacts import adversarial, model
from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.artifacts.sample import sample_of
from intriguing.device import resolve
from intriguing.job import job
from intriguing.networks import trained
from intriguing.stages import attack

with job(snakemake):
    data, entry = open_dataset(snakemake.input.data), snakemake.params.attack
    attacked = attack.run(
        data,
        trained.load(snakemake.input.model),
        model.task(snakemake.input.model),
        entry,
        seed=int(snakemake.wildcards.seed),
        device=resolve(snakemake.params.device),
    )
    attacked.save(snakemake.output.examples, code=snakemake.params.code_of_examples)
    line = adversarial.summary(snakemake.output.examples, sample_of(data, entry).indices)
    for column, value in snakemake.params.columns.items():
        line.insert(0, column, value)
    write_table(snakemake.output.summary, line)
