"""Training as in the paper: full-batch L-BFGS to convergence, or mini-batch Adam.

The objective is the mean softmax cross-entropy plus ``sum_l lambda_l sum(w^2) / k_l`` over the
layers l, with k_l the number of units of layer l; biases are not decayed.
"""

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional

from intriguing.errors import TrainingError
from intriguing.networks import Autoencoder, dense_layers
from intriguing.progress import Progress

NEGLIGIBLE = 1e-30


@dataclass(frozen=True)
class Lbfgs:
    """Full-batch L-BFGS with a strong-Wolfe line search (`torch.optim.LBFGS`).

    iterations : most iterations.
    history : curvature pairs kept.
    gradient_tolerance : converged when no gradient component is larger.
    change_tolerance : converged when the objective or every weight changes by less.
    """

    iterations: int = 1000
    history: int = 20
    gradient_tolerance: float = 1e-7
    change_tolerance: float = 1e-9


@dataclass(frozen=True)
class Adam:
    """Mini-batch Adam with a learning rate that falls to 0 along a cosine."""

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3


METHODS = {"lbfgs": Lbfgs, "adam": Adam}


@dataclass(frozen=True)
class Sparsity:
    """Unsupervised stage of the sparse autoencoder.

    The objective is half the squared reconstruction error of an image, averaged over images, plus
    ``penalty`` times the summed Kullback-Leibler divergence between Bernoulli variables of mean
    ``activation`` and of each unit's mean activation, plus ``decay / 2`` times sum(w^2) of both
    layers (Ng, *Sparse autoencoder*, CS294A lecture notes; the paper gives no settings of its own).
    """

    activation: float = 0.1
    penalty: float = 3.0
    decay: float = 3e-3
    method: Lbfgs | Adam = Adam()


@dataclass
class History:
    """One row for each evaluation of the full objective (L-BFGS) or each epoch (Adam)."""

    rows: list = field(default_factory=list)

    def add(self, phase, objective, error):
        self.rows.append(
            {"phase": phase, "step": len(self.rows), "objective": objective, "error": error}
        )


def train(model, images, labels, *, method, weight_decay=(), sparsity=None, seed=0):
    """Train a network in place.

    Parameters
    ----------
    model : Module
        As `networks.build` gives it; an `Autoencoder` gets its unsupervised stage first, then the
        softmax layer is trained on the frozen code.
    images : float32 Tensor (N, C, H, W)
    labels : int64 Tensor (N,)
    method : Lbfgs or Adam
    weight_decay : sequence of float
        lambda for each of `networks.dense_layers`, from input to logits; empty: none.
    sparsity : Sparsity, optional
        For an `Autoencoder`.
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
    layers = dense_layers(model)
    if weight_decay and len(weight_decay) != len(layers):
        raise TrainingError(
            f"weight_decay has {len(weight_decay)} values but the network has {len(layers)} layers"
            " that it applies to: give one value for each, from input to logits"
        )
    history = History()
    model.train()
    if isinstance(model, Autoencoder):
        _fit_code(model, images.flatten(1), sparsity or Sparsity(), seed, history)
        model.encoder.requires_grad_(False)
        model.decoder.requires_grad_(False)
        with torch.no_grad():
            inputs = model.encode(images)
        classifier = model.classifier
    else:
        inputs, classifier = images, model

    def objective(rows):
        logits = classifier(inputs if rows is None else inputs[rows])
        wanted = labels if rows is None else labels[rows]
        value = functional.cross_entropy(logits, wanted)
        for strength, layer in zip(weight_decay, layers, strict=False):
            value = value + strength * layer.weight.square().sum() / layer.out_features
        return value, (logits.detach().argmax(1) != wanted).float().mean()

    _minimise(classifier, objective, len(labels), method, seed, "classifier", history)
    model.eval()
    model.requires_grad_(False)
    for weight in model.parameters():
        # decay drives the weights of pixels that are always 0 towards the denormal numbers, with
        # which a CPU's matrix products are tens of times slower
        weight[weight.abs() < NEGLIGIBLE] = 0.0
    return history


def _fit_code(model, images, sparsity, seed, history):
    decayed = [model.encoder.weight, model.decoder.weight]
    wanted = torch.tensor(sparsity.activation)

    def objective(rows):
        batch = images if rows is None else images[rows]
        codes = model.encode(batch)
        reconstruction = 0.5 * (model.decode(codes) - batch).square().sum(1).mean()
        mean = codes.mean(0).clamp(1e-6, 1 - 1e-6)
        divergence = (
            wanted * (wanted / mean).log() + (1 - wanted) * ((1 - wanted) / (1 - mean)).log()
        )
        value = reconstruction + sparsity.penalty * divergence.sum()
        return value + 0.5 * sparsity.decay * sum(w.square().sum() for w in decayed), None

    code = nn.ModuleList([model.encoder, model.decoder])
    _minimise(code, objective, len(images), sparsity.method, seed, "code", history)


def _minimise(module, objective, number, method, seed, phase, history):
    solver = _minimise_lbfgs if isinstance(method, Lbfgs) else _minimise_adam
    solver(module, objective, number, method, seed, phase, history)


def _checked(value, phase):
    if not value.isfinite():
        raise TrainingError(
            f"the objective of the {phase} became {value.item()}: lower the learning rate or the"
            " weight decay, or check the images"
        )
    return value


def _minimise_lbfgs(module, objective, number, method, seed, phase, history):
    optimizer = torch.optim.LBFGS(
        module.parameters(),
        max_iter=method.iterations,
        max_eval=2 * method.iterations,
        history_size=method.history,
        tolerance_grad=method.gradient_tolerance,
        tolerance_change=method.change_tolerance,
        line_search_fn="strong_wolfe",
    )

    with Progress(f"training the {phase}", 2 * method.iterations, "evaluations") as progress:

        def closure():
            optimizer.zero_grad()
            value, error = objective(None)
            _checked(value, phase).backward()
            history.add(phase, value.item(), None if error is None else error.item())
            progress.advance(1, objective=f"{value.item():.6g}")
            return value

        optimizer.step(closure)


def _minimise_adam(module, objective, number, method, seed, phase, history):
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(module.parameters(), method.learning_rate)
    batches = -(-number // method.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, method.epochs * batches)
    with Progress(f"training the {phase}", method.epochs, "epochs") as progress:
        for _ in range(method.epochs):
            total, errors = 0.0, 0.0
            for rows in torch.randperm(number, generator=generator).split(method.batch_size):
                optimizer.zero_grad()
                value, error = objective(rows)
                _checked(value, phase).backward()
                optimizer.step()
                schedule.step()
                total += value.item() * len(rows)
                errors += 0.0 if error is None else error.item() * len(rows)
            history.add(phase, total / number, None if error is None else errors / number)
            progress.advance(1, objective=f"{total / number:.6g}")
