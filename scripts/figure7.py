"""Figure 7: pairs of images for some models and for noise, with accuracies."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import figure7

with job(snakemake):
    data = open_dataset(snakemake.input.data)
    labels = snakemake.params.labels
    errors = read_table(snakemake.input.errors)
    panels = figure7.adversarial_panels(data, snakemake.input.examples, labels.values())
    panels.append(figure7.noise_panel(data, snakemake.params.noise, errors, labels))
    figure7.draw(panels, snakemake.output)
