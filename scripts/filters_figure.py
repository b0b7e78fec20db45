"""Figure of the filters of a QuocNet-style network, beside the random ones it started from."""

from intriguing import trained_model
from intriguing.filter_figure import filter_figure
from intriguing.job import job
from intriguing.stages import training

with job(snakemake.log[0]):
    model = trained_model.load(snakemake.input.model)
    untrained = training.untrained(
        trained_model.settings(snakemake.input.model), snakemake.wildcards.model
    )
    learned, initial = (
        network.stacks[0].filters.weight.detach().numpy() for network in (model, untrained)
    )
    filter_figure(learned, initial, snakemake.output[0], title=snakemake.params.label)
