"""Filter stage: what a QuocNet-style network has learnt beside the random filters it began with."""

from intriguing.networks import trained as trained_model
from intriguing.report.filters import filter_figure
from intriguing.stages.training import untrained


def run(folder, name, path, *, title):
    """Figure of the first stack's filters.

    Parameters
    ----------
    folder : path
        Of the trained model.
    name : str
        The model's, which its first weights depend on.
    path : path
        PNG to write.
    title : str
    """
    networks = (trained_model.load(folder), untrained(trained_model.settings(folder), name))
    learned, initial = (n.stacks[0].filters.weight.detach().numpy() for n in networks)
    filter_figure(learned, initial, path, title=title)
