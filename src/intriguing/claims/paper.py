"""The claims of Szegedy et al. 2013, each with its test: what is compared, and what decides.

A test takes the tables of an experiment by name (as their CSV files have them, see
`results/README.md`) and gives a `findings.Finding`. The common rule for effects in several models,
pairs or layers is `findings.in_all`; what a test demands beyond it is in its sentence and beside it
here. Differences are in percentage points of errors.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas

from intriguing.claims.findings import (
    MOST,
    NOT,
    PARTLY,
    REPRODUCED,
    Effect,
    Finding,
    average,
    difference,
    estimate,
    in_all,
    least,
    untestable,
)

Tables = Mapping[str, pandas.DataFrame]

SOFTMAX = ("FC10(1e-4)", "FC10(1e-2)", "FC10(1)")
"""Roles of the models that differ in weight decay alone, weakest first."""

NEARLY_ALL = 99.0
"""Percent of the images with an example, from which on the first claim holds in part."""


@dataclass(frozen=True)
class Claim:
    """One claim.

    name : str
        Short, for reference.
    sentence : str
        What the paper says, in our words.
    test : str
        What is compared, and what decides.
    tables : tuple of str
        Tables that the test needs.
    judge : callable
        The test.
    """

    name: str
    sentence: str
    test: str
    tables: tuple[str, ...]
    judge: Callable[[Tables], Finding]


def every_image(tables: Tables) -> Finding:
    sets = tables["distortion"]
    rates, missing = estimate(sets, "success"), sets["success_n"] - sets["success_count"]
    worst = min(rates, key=lambda rate: rate.value)
    nearly = worst.value >= NEARLY_ALL
    verdict = REPRODUCED if not missing.sum() else PARTLY if nearly else NOT
    reason = f"{missing.sum():.0f} of {sets['success_n'].sum():.0f} images without an example"
    unit = "success of the worst set, %"
    return Finding(worst, unit, len(sets), least(sets["success_n"]), verdict, reason)


def distortion_grows_with_decay(tables: Tables) -> Finding:
    models = tables["table1"].drop_duplicates("role").set_index("role")
    present = models.loc[[role for role in SOFTMAX if role in models.index]]
    if len(present) < 2:
        return untestable("fewer than two softmax models that differ in weight decay")
    means = estimate(present, "distortion")
    steps = [difference(more, less) for less, more in itertools.pairwise(means)]
    verdict, counts = in_all(steps)
    words = " < ".join(f"{mean.value:.4f}" for mean in means)
    return Finding(
        difference(means[-1], means[0]),
        "distortion, strongest minus weakest decay",
        len(steps),
        least(present["success_n"]),
        verdict,
        f"{counts}; distortions {words if verdict == REPRODUCED else words.replace('<', ',')}",
    )


def transfer_across_models(tables: Tables) -> Finding:
    cells = tables["table2"]
    pairs = cells[(cells["made_for"] != cells["target"]) & (cells["matched_noise_n"] > 0)]
    if pairs.empty:
        return untestable("there is one model")
    return _above_noise(pairs)


def transfer_across_training_sets(tables: Tables) -> Finding:
    return _above_noise(_distorted(_pairs_of_halves(tables), across=True))


def weaker_across_training_sets(tables: Tables) -> Finding:
    pairs = _pairs_of_halves(tables)
    within, across = (_distorted(pairs, across=across) for across in (False, True))
    if within.empty:
        return untestable("no two of its models have the same training set")
    means = [average(estimate(part, "error")) for part in (within, across)]
    effect = difference(*means)
    verdict, _ = in_all([effect])
    reason = f"{means[0].value:.1f} % within a training set, {means[1].value:.1f} % across"
    images = least([within["error_n"].min(), across["error_n"].min()])
    unit = "errors within minus across, points"
    return Finding(effect, unit, len(within) + len(across), images, verdict, reason)


def amplification_raises_transfer(tables: Tables) -> Finding:
    pairs = _pairs_of_halves(tables).set_index(["made_for", "target"]).sort_index()
    before, after = (pairs[pairs["input"] == kind] for kind in ("distorted", "amplified"))
    gains = [
        difference(more, less)
        for more, less in zip(estimate(after, "error"), estimate(before, "error"), strict=True)
    ]
    verdict, counts = in_all(gains)
    images = least(after["error_n"])
    return Finding(average(gains), "gain, points", len(gains), images, verdict, counts)


def order_of_distortion(tables: Tables) -> Finding:
    models = tables["table1"]
    known = models[models["paper_distortion"].notna()]
    ours, theirs = estimate(known, "distortion"), list(known["paper_distortion"])
    pairs = [
        (i, j) for i, j in itertools.permutations(range(len(known)), 2) if theirs[i] < theirs[j]
    ]
    if not pairs:
        return untestable("no two models with published distortions")
    steps = [difference(ours[j], ours[i]) for i, j in pairs]
    number = len(steps)
    # Kendall's tau, and what it is if all that the intervals leave open falls one way
    tau = sum((e.value > 0) - (e.value < 0) for e in steps) / number
    above, below = sum(e.low > 0 for e in steps), sum(e.high < 0 for e in steps)
    effect = Effect(tau, 2 * above / number - 1, 1 - 2 * below / number)
    agrees = above >= MOST * number and not below
    verdict = REPRODUCED if agrees else PARTLY if above > below else NOT
    reason = f"{above} of {number} pairs in the published order, {below} in the opposite one"
    unit = "Kendall's tau with the published order"
    return Finding(effect, unit, number, least(known["success_n"]), verdict, reason)


def bounds_hold(tables: Tables) -> Finding:
    certified = tables["certificates"]
    ratio = certified["least_ratio"].min()
    verdict = REPRODUCED if ratio >= 1 else NOT
    reason = f"no example inside in {len(certified)} sets" if ratio >= 1 else "an example is inside"
    effect = Effect(ratio, float("nan"), float("nan"))
    unit = "least ratio of distortion to certified radius"
    return Finding(effect, unit, len(certified), least(certified["n"]), verdict, reason)


def printed_formula(tables: Tables) -> Finding:
    layers = tables["table5"]
    strided = layers[layers["paper_as_printed"].notna() & (layers["stride"] > 1)]
    if strided.empty:
        return untestable("no convolution with a stride larger than 1")
    ratio = strided["paper_as_printed"] / strided["lower"]
    wrong = int((ratio < 1).sum())
    verdict = NOT if wrong == len(strided) else PARTLY if wrong else REPRODUCED
    reason = f"below a norm that is attained in {wrong} of {len(strided)} strided convolutions"
    effect = Effect(ratio.min(), float("nan"), float("nan"))
    unit = "least ratio of printed bound to attained norm"
    return Finding(effect, unit, len(strided), 0, verdict, reason)


def pools_contract(tables: Tables) -> Finding:
    layers = tables["table5"]
    pools = layers[layers["kind"] == "max-pool"]
    if pools.empty:
        return untestable("no max-pools")
    enlarging = int((pools["lower"] > 1).sum())
    verdict = NOT if enlarging == len(pools) else PARTLY if enlarging else REPRODUCED
    reason = f"{enlarging} of {len(pools)} pools enlarge a distance, those whose windows overlap"
    effect = Effect(pools["lower"].max(), float("nan"), float("nan"))
    return Finding(effect, "largest factor attained", len(pools), 0, verdict, reason)


def _above_noise(pairs: pandas.DataFrame) -> Finding:
    """Errors on adversarial examples against noise of equal distortion, on the same images."""
    gains = [
        difference(*both)
        for both in zip(estimate(pairs, "error"), estimate(pairs, "matched_noise"), strict=True)
    ]
    verdict, counts = in_all(gains)
    mean = average(gains)
    unit = "errors minus those under noise, points"
    return Finding(mean, unit, len(pairs), least(pairs["error_n"]), verdict, counts)


def _pairs_of_halves(tables: Tables) -> pandas.DataFrame:
    """Cells of Table 4 off the diagonal, without the noise, with the parts of both models."""
    parts = tables["table3"].set_index("model")["trained_on"]
    cells = tables["table4"]
    pairs = cells[cells["made_for"].isin(parts.index) & (cells["made_for"] != cells["target"])]
    across = pairs["made_for"].map(parts) != pairs["target"].map(parts)
    return pairs.assign(across=across)


def _distorted(pairs: pandas.DataFrame, *, across: bool) -> pandas.DataFrame:
    return pairs[(pairs["input"] == "distorted") & (pairs["across"] == across)]


def pools_help(tables: Tables) -> Finding:
    ways = _ways_to_train(tables)
    return _error_saved(ways, "decay", "all")


def hidden_pools_help_more(tables: Tables) -> Finding:
    ways = _ways_to_train(tables)
    return _error_saved(ways, "input", "hidden")


def _ways_to_train(tables: Tables) -> dict[str, pandas.DataFrame]:
    """Models of the table of cures under weight decay, by the layers that have a pool."""
    models = tables["cures"]
    models = models.assign(pools=models["pools"].fillna(""))
    plain = models["regularisation"] == "weight decay"
    pooled = models["regularisation"] == "weight decay; pools at " + models["pools"]
    hidden = models["pools"].str.fullmatch(r"hidden\d+(, hidden\d+)*")
    everywhere = models["pools"].str.fullmatch(r"all layers|input(, hidden\d+)+")
    return {
        "decay": models[plain],
        "input": models[pooled & (models["pools"] == "input")],
        "hidden": models[pooled & hidden],
        "all": models[pooled & everywhere],
    }


def _error_saved(ways: Mapping[str, pandas.DataFrame], worse: str, better: str) -> Finding:
    names = {
        "decay": "weight decay alone",
        "input": "a pool at the input",
        "hidden": "pools at hidden layers",
        "all": "pools at all layers",
    }
    for way in (worse, better):
        if ways[way].empty:
            return untestable(f"no model with {names[way]}")
    # of several models trained in one way, the best
    before, after = (
        min(estimate(ways[way], "test"), key=lambda error: error.value) for way in (worse, better)
    )
    effect = difference(before, after)
    verdict, _ = in_all([effect])
    reason = f"{before.value:.2f} % with {names[worse]}, {after.value:.2f} % with {names[better]}"
    images = least([ways[way]["test_n"].iloc[0] for way in (worse, better)])
    return Finding(effect, "test error saved, points", 1, images, verdict, reason)


def units_and_directions(tables: Tables) -> Finding:
    return untestable("single units are not compared with directions yet")


IN_ALL = (
    "reproduced: the 95 % interval of the difference lies above 0 in at least nine of ten cases and"
    " below 0 in none; partly: that of the average does"
)

CLAIMS = (
    Claim(
        "every image",
        "For every image, of every network studied, an adversarial example was found.",
        "images that are classified correctly and have an example, in every set of every attack;"
        " reproduced: all; partly: at least 99 % in each set",
        ("distortion",),
        every_image,
    ),
    Claim(
        "weight decay",
        "Stronger weight decay makes larger distortions necessary.",
        f"distortion of softmax models from one decay to the next; {IN_ALL}",
        ("table1",),
        distortion_grows_with_decay,
    ),
    Claim(
        "order of models",
        "The models need distortions in the order of Table 1.",
        "distortions of each two models with different published ones; reproduced: nine of ten"
        " pairs in that order, their intervals considered, and none in the opposite one; partly:"
        " more in that order than in the opposite one",
        ("table1",),
        order_of_distortion,
    ),
    Claim(
        "across models",
        "Examples fool models with other hyper-parameters far more often than noise does.",
        f"errors of each other model and those under Gaussian noise of equal distortion; {IN_ALL}",
        ("table2",),
        transfer_across_models,
    ),
    Claim(
        "across training sets",
        "They fool models trained on disjoint data as well.",
        f"the same for models whose training sets are disjoint; {IN_ALL}",
        ("table3", "table4"),
        transfer_across_training_sets,
    ),
    Claim(
        "weaker across training sets",
        "Across training sets they are considerably less effective.",
        "mean error within a training set minus that across; reproduced: its interval lies above 0",
        ("table3", "table4"),
        weaker_across_training_sets,
    ),
    Claim(
        "amplification",
        "Amplified examples fool other models more often.",
        f"errors of each other model before and after amplification; {IN_ALL}",
        ("table3", "table4"),
        amplification_raises_transfer,
    ),
    Claim(
        "adversarial training",
        "Pools of adversarial examples for every layer's output lower the test error.",
        "test error with weight decay alone (of several such models, the best) minus that with"
        " pools at all layers, over seeds; reproduced: its interval lies above 0",
        ("cures",),
        pools_help,
    ),
    Claim(
        "hidden layers",
        "Pools at hidden layers are more useful than one at the input.",
        "test error with a pool at the input minus that with pools at hidden layers alone;"
        " reproduced: its interval lies above 0",
        ("cures",),
        hidden_pools_help_more,
    ),
    Claim(
        "bounds",
        "Bounds of the layers are compatible with the distortions found.",
        "distortion of every single example and the radius that the bounds certify for its image;"
        " reproduced: no example inside",
        ("certificates",),
        bounds_hold,
    ),
    Claim(
        "formula",
        "The printed formula gives the norm of a strided convolution.",
        "the formula as printed and a norm that an input attains; not: below it in every strided"
        " layer; partly: in some",
        ("table5",),
        printed_formula,
    ),
    Claim(
        "max-pools",
        "Max-pooling is contractive.",
        "largest factor by which a pool enlarges a distance; not: above 1 in every pool; partly: in"
        " some",
        ("table5",),
        pools_contract,
    ),
    Claim(
        "units",
        "Single units mean no more than random directions of their layer.",
        "images that excite a unit or a direction most",
        (),
        units_and_directions,
    ),
)
