"""Adversarial and contractive training: what each way to train does to errors and distortions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pandas

from intriguing.report import cells

CAPTION = (
    "A row for each way to train. test error %, and mean distortion (root mean square per pixel) of"
    " the examples by each attack, with 95 % intervals over images and seeds. certified: Lipschitz"
    " constant of the whole network, from image to logits in the Euclidean norm; Jacobian: the"
    " largest norm of a Jacobian found, a lower bound of that constant (both: means over seeds);"
    " ratio: certified over Jacobian, of the seed in which it is largest. errors of others %: mean"
    " error of the other models on this model's examples, and on Gaussian noise of the same"
    " distortion on the same images. Paper, for a 100-100-10 network on MNIST: weight decay 1.6 %,"
    " with dropout about 1.3 %, with pools at all layers below 1.2 %."
)


ALL = "all layers"


def regularisation(entry: Mapping[str, Any]) -> str:
    """How a model is kept from fitting too closely, in words.

    Parameters
    ----------
    entry : mapping
        Of the experiment.
    """
    words = []
    if any(entry.get("weight_decay") or []):
        words.append("weight decay")
    if entry.get("options", {}).get("dropout"):
        words.append(f"dropout {entry['options']['dropout']:g}")
    if pools(entry):
        kind = "pools of noise" if entry["adversarial"].get("random") else "pools"
        words.append(f"{kind} at {pools(entry)}")
    if "contraction" in entry:
        words.append(f"constant at most {entry['contraction']['constant']:g}")
    return "; ".join(words) or "none"


def pools(entry: Mapping[str, Any]) -> str:
    """The layers that have a pool of adversarial examples, in words; empty if there is none."""
    if "adversarial" not in entry:
        return ""
    layers = entry["adversarial"]["layers"]
    hidden = entry.get("options", {}).get("hidden", [])
    return ", ".join(layers) if 0 < len(layers) < 1 + len(hidden) else ALL


def network(entry: Mapping[str, Any]) -> str:
    """The network without what regularises it, in words."""
    options = {key: value for key, value in entry.get("options", {}).items() if key != "dropout"}
    return " ".join([entry.get("architecture", ""), *(f"{k}={v}" for k, v in options.items())])


def tidy(
    models: Mapping[str, Mapping[str, Any]],
    metrics: Mapping[str, Sequence[Mapping[str, Any]]],
    constants: Mapping[str, Sequence[Mapping[str, float]]],
    attacks: pandas.DataFrame,
    transfer: pandas.DataFrame,
) -> pandas.DataFrame:
    """One row a model, seeds pooled.

    Parameters
    ----------
    models : mapping of str to mapping
        Entries of the experiment, in order.
    metrics : mapping of str to sequence of mapping
        ``metrics.json`` of each model, one for each seed.
    constants : mapping of str to sequence of mapping
        Numbers of `artifacts.bounds.read` of each model, one for each seed.
    attacks : DataFrame
        A row for each adversarial set, with the columns ``attack``, ``model`` and ``seed``.
    transfer : DataFrame
        Rows of all transfer jobs of the attack that is shown.

    Returns
    -------
    DataFrame
        ``regularisation`` in words; ``pools``: the layers that have one, in words, empty without;
        ``network``: what is trained, without dropout.
        ``test_*``, ``transfer_*`` and ``noise_*`` are errors in percent, ``distortion_<attack>_*``
        the mean distortion by each attack.
    """
    rows = []
    for name, entry in models.items():
        tests = [run["errors"]["test"] for run in metrics[name]]
        row: dict[str, Any] = {
            "model": name,
            "label": entry["label"],
            "regularisation": regularisation(entry),
            "pools": pools(entry),
            "network": network(entry),
            "seeds": len(tests),
            **cells.rate("test", [t["errors"] for t in tests], [t["n"] for t in tests]),
        }
        for attack in attacks["attack"].unique():
            found = cells.mean("distortion", cells.rows_of(attacks, attack, name), "successes")
            row |= {
                f"distortion_{attack}{end}": found[f"distortion{end}"]
                for end in ("", "_low", "_high")
            }
        bounds = constants[name]
        row["certified"] = sum(b["upper"] for b in bounds) / len(bounds)
        row["jacobian"] = sum(b["lower"] for b in bounds) / len(bounds)
        row["ratio"] = max(b["upper"] / b["lower"] if b["lower"] else float("inf") for b in bounds)
        others = transfer[(transfer["made_for"] == name) & (transfer["target"] != name)]
        for column, kind in (("transfer", "distorted"), ("noise", "matched_noise")):
            part = others[others["input"] == kind]
            # seeds see the same images, and so do models: the seeds' means make the interval
            of_seeds = part.groupby("seed")[["errors", "n"]].mean()
            row |= cells.rate(column, of_seeds["errors"], of_seeds["n"])
        rows.append(row)
    return pandas.DataFrame(rows)


def layout(table: pandas.DataFrame) -> pandas.DataFrame:
    """The table to be read."""
    attacks = [
        column.removeprefix("distortion_").removesuffix("_low")
        for column in table
        if column.startswith("distortion_") and column.endswith("_low")
    ]
    rows = []
    for record in table.to_dict("records"):
        # names of attacks need not be names of attributes
        row: Any = SimpleNamespace(**record)
        line = {
            "model": row.label,
            "regularisation": row.regularisation,
            "n": cells.count(row.test_n),
            "test error %": cells.percent(row, "test"),
        }
        for attack in attacks:
            ends = (record[f"distortion_{attack}{end}"] for end in ("", "_low", "_high"))
            line[f"distortion, {attack}"] = cells.distortion(*ends)
        line["certified"] = _constant(row.certified)
        line["Jacobian"] = _constant(row.jacobian)
        line["ratio"] = cells.number(
            "" if row.ratio == math.inf else cells.significant(row.ratio, 3), row.ratio
        )
        line["errors of others %"] = cells.percent(row, "transfer")
        line["under noise %"] = cells.percent(row, "noise")
        rows.append(line)
    return cells.lines(rows)


def _constant(value: float) -> cells.Cell:
    text = "no constant" if value == math.inf else cells.significant(value)
    return cells.number(text, value)


def caption(table: pandas.DataFrame) -> str:
    """The line below the table."""
    return CAPTION + cells.seeds_sentence(table)
