"""Units against directions: an effect and a verdict for each layer, family and measure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells
from intriguing.units.effects import FEWEST, Effect, compare, correct

MEASURES = {
    "purity": "label purity",
    "features": "similarity in another network",
    "pixels": "similarity of pixels",
    "auc": "AUC of the best class",
}
"""Measures of a direction's top images: larger is more alike. The first decides."""

RANDOM = "gaussian"
"""The family that the paper compares units with; the others are compared by the first measure."""

FAMILIES = {
    "units_negative": "negative units",
    "gaussian": "random",
    "gaussian_without_mean": "random, without the mean",
    "gaussian_standardised": "random, standardised",
    "orthonormal": "random basis",
    "principal": "principal",
    "kmeans": "k-means",
    "shuffled": "shuffled",
    "untrained": "untrained units",
}

VERDICTS = {
    "units larger": "units",
    "directions larger": "directions",
    "equivalent": "equivalent",
    "cannot tell": "cannot tell",
    "": "too few",
}


def tidy(
    models: Mapping[str, str], rows: Mapping[str, Sequence[pandas.DataFrame]], margin: float
) -> pandas.DataFrame:
    """One row for each layer, family of directions, and measure.

    Parameters
    ----------
    models : mapping of str to str
        Labels of the models.
    rows : mapping of str to sequence of DataFrame
        The measures of each model's directions, for each seed, as `stages.units` writes them.
    margin : float
        Cliff's delta below which a difference counts as none.

    Returns
    -------
    DataFrame
        ``units_mean`` and ``mean`` of the measure; ``delta`` of the units against the family, with
        its 95 % interval ``delta_low`` to ``delta_high``; ``difference`` and ``equivalence``:
        p-values, corrected over the layers (Holm); the ``verdict``. ``units_n`` and ``n``: the
        fewest units and directions of a seed; those whose top images are tied do not count.
    """
    found = []
    for model, seeds in rows.items():
        counted = [frame[~frame["tied"]] for frame in seeds]
        layers = seeds[0][["network", "layer"]].drop_duplicates()
        for network, layer in layers.itertuples(index=False):
            of_layer = seeds[0][(seeds[0]["network"] == network) & (seeds[0]["layer"] == layer)]
            for family, measure in _compared(network, set(of_layer["family"])):
                units, others = (
                    [_values(frame, network, layer, name, measure) for frame in counted]
                    for name in ("units", family)
                )
                found.append(
                    {"model": model, "label": models[model], "network": network, "layer": layer}
                    | {"family": family, "measure": measure}
                    | _row(units, others, margin)
                )
    return _corrected(pandas.DataFrame(found))


def _compared(network: str, present: Collection[str]) -> Iterator[tuple[str, str]]:
    first, *more = MEASURES
    families = FAMILIES if network == "trained" else (RANDOM,)
    for family in families:
        if family in present or family == "untrained":
            yield family, first
    if RANDOM in present and network == "trained":
        for measure in more:
            yield RANDOM, measure


def _values(
    frame: pandas.DataFrame, network: str, layer: str, family: str, measure: str
) -> list[float]:
    network, name = ("untrained", "units") if family == "untrained" else (network, family)
    chosen = (frame["network"] == network) & (frame["layer"] == layer) & (frame["family"] == name)
    return frame.loc[chosen, measure].tolist()


def _row(
    units: Sequence[Sequence[float]], others: Sequence[Sequence[float]], margin: float
) -> dict[str, Any]:
    # seeds in which enough of both are left
    pairs = [pair for pair in zip(units, others, strict=True) if min(map(len, pair)) >= FEWEST]
    counted, compared = ([pair[place] for pair in pairs] for place in (0, 1))
    row: dict[str, Any] = {
        "seeds": len(pairs),
        "units_n": min(map(len, counted or units)),
        "n": min(map(len, compared or others)),
        "units_mean": _mean(counted or units),
        "mean": _mean(compared or others),
    }
    numbers = ("delta", "delta_low", "delta_high", "difference", "equivalence")
    if not pairs:
        return row | dict.fromkeys(numbers, math.nan)
    effect = compare(counted, compared, margin=margin)
    ends = (effect.delta, effect.low, effect.high, effect.difference, effect.equivalence)
    return row | dict(zip(numbers, ends, strict=True))


def _mean(values: Sequence[Sequence[float]]) -> float:
    """Mean over seeds of the mean; NaN where one has none."""
    if not min(map(len, values)):
        return math.nan
    return sum(sum(seed) / len(seed) for seed in values) / len(values)


def _corrected(table: pandas.DataFrame) -> pandas.DataFrame:
    table = table.copy()
    # the controls are families of their own
    known = table.dropna(subset=["delta"])
    for _, group in known.groupby(["network", "family", "measure"], sort=False):
        for name in ("difference", "equivalence"):
            table.loc[group.index, name] = correct(group[name].tolist())
    verdicts = []
    for row in table.itertuples():
        effect = Effect(row.delta, row.delta_low, row.delta_high, row.difference, row.equivalence)
        verdicts.append("" if math.isnan(row.delta) else effect.verdict())
    table["verdict"] = verdicts
    return table


def layouts(table: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """The table to be read: units against random directions, then against the other families."""
    first = next(iter(MEASURES))
    rows, others = [], []
    trained = table[table["network"] == "trained"]
    for (label, layer), of_layer in trained.groupby(["label", "layer"], sort=False):
        by_family = of_layer[of_layer["measure"] == first].set_index("family")
        by_measure = of_layer[of_layer["family"] == RANDOM].set_index("measure")
        name = {"network": label, "layer": layer}
        if RANDOM in by_family.index:
            line = name | _purities(by_family.loc[RANDOM])
            if "shuffled" in by_family.index:
                line["by chance"] = _purity(by_family.loc["shuffled", "mean"])
            for measure, words in MEASURES.items():
                if measure in by_measure.index:
                    line[words] = _verdict(by_measure.loc[measure])
            rows.append(line)
        others.append(
            name
            | {
                words: _verdict(by_family.loc[family])
                for family, words in FAMILIES.items()
                if family in by_family.index and family not in (RANDOM, "shuffled")
            }
        )
    return {
        "Units against random directions": cells.lines(rows),
        "Label purity of units against that of other families": cells.lines(others),
        "Controls": cells.lines(_controls(table)),
    }


def _controls(table: pandas.DataFrame) -> list[dict[str, str]]:
    """Lines of untrained networks and of the pixels, which are the same for all models."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in table[table["network"] != "trained"].to_dict("records"):
        pixels = row["network"] == "pixels"
        name = "the images themselves" if pixels else f"{row['label']}, untrained"
        line = {"control": name, "layer": "pixels" if pixels else row["layer"]}
        line |= _purities(row) | {MEASURES["purity"]: _verdict(row)}
        rows.setdefault((name, line["layer"]), line)
    return list(rows.values())


def _purities(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "units": cells.count(row["units_n"]),
        "directions": cells.count(row["n"]),
        "purity of units": _purity(row["units_mean"]),
        "of random directions": _purity(row["mean"]),
    }


def _purity(value: float) -> cells.Cell:
    return cells.number("" if math.isnan(value) else f"{value:.3f}", value)


def _verdict(row: Mapping[Any, Any]) -> cells.Cell:
    words = VERDICTS[row["verdict"]]
    if not row["verdict"]:
        return cells.number(words, -math.inf)
    interval = f"{row['delta']:+.2f} [{row['delta_low']:+.2f}, {row['delta_high']:+.2f}]"
    return cells.number(f"{words}, {interval}", row["delta"])


def caption(table: pandas.DataFrame, k: int, split: str, margin: float) -> str:
    """The line below the table."""
    trained = table[table["network"] == "trained"]
    layers = len(trained.dropna(subset=["delta"])[["model", "layer"]].drop_duplicates())
    seeds = int(trained["seeds"].max())
    spread = (
        "over directions and seeds"
        if seeds > 1
        else "over directions alone, since there is one seed"
    )
    return (
        f"The {k} images of {split} that excite each unit most, against those of directions of the"
        " same layer: how much alike they are, by their labels (share of the most frequent class),"
        " by the features of another network, by their pixels (mean cosine of two of them), and how"
        " well the score separates one class from the others. Which are more alike, and Cliff's"
        f" delta of the units against the directions with its 95 % interval by bootstrap {spread}."
        " units, directions: these have the larger values; equivalent: delta is certainly below"
        f" {margin:g} either way; corrected over the {layers} layers (Holm). Units that are the"
        " same for all images or equal another one, and those whose last image is arbitrary because"
        f" others have the same score, are excluded; fewer than {FEWEST} are too few. Chance: the"
        " same units with their activations exchanged between images."
    )
