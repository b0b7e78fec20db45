"""Lipschitz stage: bounds of networks, and certified radii beside what the attacks found."""

import numpy as np
import pandas
import torch

from intriguing.artifacts.files import read_arrays, write_arrays
from intriguing.attacks.noise import noise_tolerance
from intriguing.errors import ArtifactError, BoundError
from intriguing.lipschitz.certificate import certified_radii, check_no_example_inside
from intriguing.lipschitz.network import NetworkBounds, network_bounds
from intriguing.networks import given_weights
from intriguing.stages.images import sampled_images
from intriguing.stages.sample import sample_of, target_rule

_NUMBERS = ("lower", "product", "paper", "eclipse", "lipsdp", "upper")


def of_model(data, model, entry):
    """Bounds of a trained model, its Jacobian taken at images of the sample.

    Parameters
    ----------
    data : dataset_file.DatasetFile
    model : Module
    entry : dict
        What `experiment.Experiment.bounded` gives: the sample, and ``lipsdp``.

    Returns
    -------
    NetworkBounds
        With infinite constants and the reason, if the network has a layer without a bound.
    """
    images, _ = sampled_images(data, entry)
    shape = tuple(images.shape[1:])
    return network_bounds(model, shape, images, compare=True, lipsdp=entry["lipsdp"], partial=True)


def of_network(entry):
    """Bounds of a network that is not trained here, with random or given weights.

    Parameters
    ----------
    entry : dict
        ``architecture``, ``options``, ``input_shape``, ``classes``, ``weights`` (see
        `given_weights.network`) and ``seed``.

    Returns
    -------
    NetworkBounds
        The Jacobian is taken at one random image.
    """
    shape = tuple(entry["input_shape"])
    torch.manual_seed(entry["seed"])
    model = given_weights.network(entry, shape, entry["classes"])
    image = torch.rand(1, *shape, generator=torch.Generator().manual_seed(entry["seed"]))
    return network_bounds(model.eval(), shape, image, compare=True)


def layers_table(bounds):
    """One row a layer, and a last one for the whole network.

    Without the seconds, so that the same weights give the same bytes. In the last row ``lower`` is
    the largest Jacobian norm found, ``upper`` the smallest certified constant, ``paper`` the
    product as in the paper and ``product`` that of the upper bounds.
    """
    rows = bounds.layers.drop(columns="seconds", errors="ignore")
    whole = {
        "layer": "network",
        "kind": "network",
        "lower": bounds.lower,
        "upper": bounds.upper,
        "paper": bounds.paper,
        "product": bounds.product,
        "method": bounds.reason or _method(bounds),
    }
    return pandas.concat([rows, pandas.DataFrame([whole])], ignore_index=True)


def _method(bounds):
    named = {"LipSDP": bounds.lipsdp, "ECLipsE-Fast": bounds.eclipse, "product": bounds.product}
    return min((value, name) for name, value in named.items() if value is not None)[1]


def save(path, bounds):
    """Write what the certificate needs: constants of the network and of pairs of logits."""
    pairwise = torch.empty(0, 0) if bounds.pairwise is None else bounds.pairwise
    settings = {name: getattr(bounds, name) for name in _NUMBERS}
    write_arrays(path, {"pairwise": pairwise.double().numpy()}, settings)


def read(path):
    """Read a file written by `save`, as NetworkBounds without layers."""
    arrays, settings = read_arrays(path)
    if "pairwise" not in arrays or not set(_NUMBERS) <= set(settings):
        raise ArtifactError(f"{path} holds no bounds: delete it and run again")
    pairwise = torch.from_numpy(np.array(arrays["pairwise"]))
    numbers = {name: settings[name] for name in _NUMBERS}
    pairwise = pairwise if len(pairwise) else None
    return NetworkBounds(**numbers, pairwise=pairwise, layers=pandas.DataFrame())


def certificates(data, model, sets, bounds):
    """A line about each adversarial set of a model and the radii certified for its images.

    Distances are distortions (root mean square over the pixels), as everywhere in the tables.

    Parameters
    ----------
    data : dataset_file.DatasetFile
    model : Module
    sets : dict of str to AdversarialSet
        By the name of the attack.
    bounds : NetworkBounds
        Of that model.

    Returns
    -------
    pandas.DataFrame
        Over the ``n`` images with an adversarial example: mean, deviation and median of the
        certified distortion (``simple``: margin over root two times the network's constant;
        ``pairwise``; ``targeted``: for the target alone), of the one ``found``, and of the Gaussian
        ``noise`` that first changes the class; the smallest ratio of found to certified.

    Raises
    ------
    BoundError
        If an example lies inside its radius; the message names attack and image.
    """
    lines = []
    for attack, made in sets.items():
        try:
            line = _certificate(data, model, made, bounds)
        except BoundError as error:
            raise BoundError(f"attack {attack}: {error}") from error
        lines.append({"attack": attack, **line})
    return pandas.DataFrame(lines)


def _certificate(data, model, made, bounds):
    settings, found = made.settings, made.success
    sample = sample_of(data, settings)
    originals, labels = torch.from_numpy(sample.images), made.labels
    targets = made.targets if settings["targets"] != "any" else None
    radii = certified_radii(model, originals, labels, bounds, targets)
    names = [f"{index} of {settings['split']}" for index in sample.indices]
    check_no_example_inside(made, originals, radii, names=names)
    certified = {"simple": radii.simple, "pairwise": radii.pairwise, "targeted": radii.targeted}
    pixels = originals[0].numel()
    distances = {
        name: (radius / pixels**0.5)[found]
        for name, radius in certified.items()
        if radius is not None
    }
    largest = list(distances.values())[-1]
    distances["found"] = made.distortion[found]
    distances["noise"] = noise_tolerance(model, originals[found], labels[found])
    line = {key: settings[key] for key in ("method", "split", "digest")}
    line["targets"] = target_rule(settings["targets"])
    line |= {"n": int(found.sum()), "constant": bounds.upper}
    for name, values in distances.items():
        line[f"{name}_mean"] = _figure(values, torch.mean)
        line[f"{name}_deviation"] = _figure(values, torch.std)
        line[f"{name}_median"] = _figure(values, torch.median)
    line["least_ratio"] = _figure(distances["found"] / largest, torch.min)
    return line


def _figure(values, of):
    return of(values.double()).item() if len(values) > (of is torch.std) else float("nan")
