"""Training as in the paper: full-batch L-BFGS to convergence, or mini-batch Adam.

The objective is the mean softmax cross-entropy plus ``sum_l lambda_l sum(w^2) / k_l`` over the
layers l, with k_l the number of units of layer l; biases are not decayed.
"""

import copy

import torch
from torch import nn
from torch.nn import functional

from intriguing.errors import TrainingError
from intriguing.networks.quocnet import QuocNet
from intriguing.training.minimisers import History, Lbfgs, minimise
from intriguing.training.reconstruction import ReconstructionTica, fit_filters
from intriguing.training.sparse_code import Autoencoder, Sparsity, fit_code

NEGLIGIBLE = 1e-30
# images that tell whether a model is random
PROBE = 8
# images encoded at once
BATCH = 500
# networks of a code (``encode``) that is learnt without labels and frozen under a ``classifier``:
# the settings of that stage and what fits them
CODED = {Autoencoder: (Sparsity, fit_code), QuocNet: (ReconstructionTica, fit_filters)}


def train(model, images, labels, *, method, weight_decay=(), code=None, seed=0):
    """Train a network in place.

    Parameters
    ----------
    model : Module
        As `networks.build` gives it; one of `CODED` gets its unsupervised stage first,
        then the softmax layer is trained on the frozen code.
    images : float32 Tensor (N, C, H, W)
    labels : int64 Tensor (N,)
    method : minimisers.Lbfgs or minimisers.Adam
    weight_decay : sequence of float
        lambda for each dense layer (of a coded network the classifier alone), from input to
        logits; empty: none.
    code : sparse_autoencoder.Sparsity or reconstruction.ReconstructionTica, optional
        Settings of the unsupervised stage of an `Autoencoder` or a `QuocNet`.
    seed : int
        Order of the mini-batches.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If the number of decays does not fit or the objective stops being finite.
    """
    coded = type(model) in CODED
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    layers = [model.classifier] if coded else layers
    if weight_decay and len(weight_decay) != len(layers):
        raise TrainingError(
            f"weight_decay has {len(weight_decay)} values but the network has {len(layers)} layers"
            " that it applies to: give one value for each, from input to logits"
        )
    history = History()
    model.train()
    if isinstance(method, Lbfgs) and _is_random(model, images[:PROBE]):
        raise TrainingError(
            "the network gives the same image other logits each time in training, as dropout does,"
            " which L-BFGS cannot minimise: give its entry a training of its own, {adam: {}}"
        )
    if coded:
        inputs, classifier = _coded(model, images, code, seed, history), model.classifier
    else:
        inputs, classifier = images, model

    def objective(rows):
        logits = classifier(inputs if rows is None else inputs[rows])
        wanted = labels if rows is None else labels[rows]
        value = functional.cross_entropy(logits, wanted)
        for strength, layer in zip(weight_decay, layers, strict=False):
            value = value + strength * layer.weight.square().sum() / layer.out_features
        return value, (logits.detach().argmax(1) != wanted).float().mean()

    minimise(classifier, objective, len(labels), method, seed, "classifier", history)
    model.eval()
    model.requires_grad_(False)
    for weight in model.parameters():
        # decay drives the weights of pixels that are always 0 towards the denormal numbers, with
        # which a CPU's matrix products are tens of times slower
        weight[weight.abs() < NEGLIGIBLE] = 0.0
    return history


@torch.no_grad()
def _is_random(model, images):
    """Whether a model in training mode answers the same images differently."""
    # a copy, and a random state of its own: batch norm and the seed's numbers stay as they were
    copied = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        first, second = (copied(images).nan_to_num() for _ in range(2))
    return not torch.equal(first, second)


def _coded(model, images, settings, seed, history):
    """Learn a model's code without labels, freeze it, and encode the images: Tensor (N, F)."""
    kind, fit = CODED[type(model)]
    fit(model, images, settings or kind(), seed, history)
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    model.eval()
    with torch.no_grad():
        return torch.cat([model.encode(part) for part in images.split(BATCH)])
