"""The claims of Szegedy et al. 2013, each with its test: what is compared, and what decides.

A test takes the tables of an experiment by name (as their CSV files have them, see
`results/README.md`) and gives a `findings.Finding`. The common rule for effects in several models,
pairs or layers is `findings.in_all`; what a test demands beyond it is in its sentence and beside it
here. Differences are in percentage points of errors.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
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
    exact,
    finding,
    least,
    untestable,
)

Tables = Mapping[str, pandas.DataFrame]

SOFTMAX = ("FC10(1e-4)", "FC10(1e-2)", "FC10(1)")
"""Roles of the models that differ in weight decay alone, weakest first."""

NEARLY_ALL = 99.0
"""Percent of the images with an example, from which on the first claim holds in part."""

UNITS = ("units larger", "directions larger", "equivalent", "cannot tell")
"""Verdicts on a layer, see `intriguing.units.effects`."""

IN_ORDER = 0.9
"""Share of the pairs of models that have to be in the published order."""


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
    ours : bool
        A check of ours on what the paper says or shows, not a sentence of its own.
    line : (float, str)
        What the effect of a case is compared with in a picture, and what it is called.
    axis : str
        What the effect of a case is, in a picture.
    log : bool
        Whether the effects are ratios, to be shown on a logarithmic scale.
    """

    name: str
    sentence: str
    test: str
    tables: tuple[str, ...]
    judge: Callable[[Tables], Finding]
    ours: bool = False
    line: tuple[float, str] = (0.0, "no difference")
    axis: str = "points of test error saved"
    log: bool = False


def every_image(tables: Tables) -> Finding:
    sets = tables["distortion"]
    sets = sets[sets["success_n"] > 0]
    if sets.empty:
        return untestable("no image was attacked")
    rates, missing = estimate(sets, "success"), sets["success_n"] - sets["success_count"]
    worst = min(rates, key=lambda rate: rate.value)
    nearly = worst.value >= NEARLY_ALL
    verdict = REPRODUCED if not missing.sum() else PARTLY if nearly else NOT
    reason = f"{missing.sum():.0f} of {sets['success_n'].sum():.0f} images without an example"
    unit = "success of the worst set, %"
    number = least(sets["success_n"])
    return Finding(worst, unit, len(sets), number, verdict, reason, tuple(rates))


def distortion_grows_with_decay(tables: Tables) -> Finding:
    models = tables["table1"]
    groups = [models[models["role"] == role] for role in SOFTMAX]
    groups = [group for group in groups if len(group)]
    if len(groups) < 2:
        return untestable("fewer than two softmax models that differ in weight decay")
    steps, images = [], []
    for weaker, stronger in itertools.pairwise(groups):
        for less, more in itertools.product(range(len(weaker)), range(len(stronger))):
            ends = estimate(stronger, "distortion")[more], estimate(weaker, "distortion")[less]
            steps.append(difference(*ends))
            images.append(min(weaker["success_n"].iloc[less], stronger["success_n"].iloc[more]))
    values = ", ".join(f"{value:.4f}" for group in groups for value in group["distortion"])
    return finding(
        steps, images, "distortion, stronger minus weaker decay", f"distortions {values}"
    )


def transfer_across_models(tables: Tables) -> Finding:
    cells = tables["table2"]
    others = (cells["made_for"] != cells["target"]) & cells["comparable"]
    pairs = cells[others & (cells["matched_noise_n"] > 0)]
    if pairs.empty:
        return untestable("no two models distinguish the same classes")
    return _above_noise(pairs)


def transfer_across_training_sets(tables: Tables) -> Finding:
    return _above_noise(_distorted(_pairs_of_halves(tables), across=True))


def weaker_across_training_sets(tables: Tables) -> Finding:
    pairs = _pairs_of_halves(tables)
    within, across = (_distorted(pairs, across=across) for across in (False, True))
    # the same examples, on a model of the same training set and on one of another
    matched = within.merge(across, on="made_for", suffixes=("", "_across"))
    if matched.empty:
        return untestable("no two of its models have the same training set")
    beside = matched[[name for name in matched if name.endswith("_across")]]
    beside = beside.rename(columns=lambda name: name.removesuffix("_across"))
    losses = [
        difference(*both)
        for both in zip(estimate(matched, "error"), estimate(beside, "error"), strict=True)
    ]
    note = (
        f"{matched['error_percent'].mean():.1f} % within a training set,"
        f" {beside['error_percent'].mean():.1f} % across"
    )
    return finding(losses, matched["error_n"], "errors within minus across, points", note)


def amplification_raises_transfer(tables: Tables) -> Finding:
    pairs = _pairs_of_halves(tables).set_index(["made_for", "target"]).sort_index()
    before, after = (pairs[pairs["input"] == kind] for kind in ("distorted", "amplified"))
    gains = [
        difference(more, less)
        for more, less in zip(estimate(after, "error"), estimate(before, "error"), strict=True)
    ]
    return finding(gains, after["error_n"], "gain, points")


def order_of_distortion(tables: Tables) -> Finding:
    models = tables["table1"]
    known = models[models["paper_distortion"].notna() & models["distortion_low"].notna()]
    ours, theirs = estimate(known, "distortion"), list(known["paper_distortion"])
    both = itertools.permutations(range(len(known)), 2)
    pairs = [(i, j) for i, j in both if theirs[i] < theirs[j]]
    if not pairs:
        return untestable("no two models with published distortions")
    steps = [difference(ours[j], ours[i]) for i, j in pairs]
    number = len(steps)
    # Kendall's tau, and what it is if all that the intervals leave open falls one way
    tau = sum((e.value > 0) - (e.value < 0) for e in steps) / number
    above, below = sum(e.low > 0 for e in steps), sum(e.high < 0 for e in steps)
    effect = Effect(tau, 2 * above / number - 1, 1 - 2 * below / number)
    agrees = above >= IN_ORDER * number and not below
    verdict = REPRODUCED if agrees else PARTLY if above > below else NOT
    reason = f"{above} of {number} pairs in the published order, {below} in the opposite one"
    unit = "Kendall's tau, and its range if pairs left open fall one way"
    images = least(known["success_n"])
    return Finding(effect, unit, number, images, verdict, reason, tuple(steps))


def bounds_hold(tables: Tables) -> Finding:
    certified = tables["certificates"]
    certified = certified[certified["n"] > 0]
    if certified.empty:
        return untestable("no example")
    ratio = certified["least_ratio"].min()
    verdict = REPRODUCED if ratio >= 1 else NOT
    reason = f"no example inside in {len(certified)} sets" if ratio >= 1 else "an example is inside"
    (effect,) = exact([ratio])
    unit = "least ratio of distortion to certified radius"
    ratios, images = exact(certified["least_ratio"]), least(certified["n"])
    return Finding(effect, unit, len(certified), images, verdict, reason, ratios)


def printed_formula(tables: Tables) -> Finding:
    layers = tables["table5"]
    convolutions = layers[(layers["kind"] == "Conv") & layers["paper_as_printed"].notna()]
    strided = convolutions[convolutions["stride"] > 1]
    if strided.empty:
        return untestable("no convolution with a stride larger than 1")
    ratio = strided["paper_as_printed"] / strided["lower"]
    wrong = int((ratio < 1).sum())
    verdict = NOT if wrong == len(strided) else PARTLY if wrong else REPRODUCED
    reason = f"below a norm that is attained in {wrong} of {len(strided)} strided convolutions"
    (effect,) = exact([ratio.min()])
    unit = "least ratio of printed bound to attained norm"
    return Finding(effect, unit, len(strided), 0, verdict, reason, exact(ratio))


def pools_contract(tables: Tables) -> Finding:
    layers = tables["table5"]
    pools = layers[layers["kind"] == "max-pool"]
    if pools.empty:
        return untestable("no max-pools")
    enlarging = int((pools["lower"] > 1).sum())
    verdict = NOT if enlarging == len(pools) else PARTLY if enlarging else REPRODUCED
    reason = f"{enlarging} of {len(pools)} pools enlarge a distance, those whose windows overlap"
    factors = exact(pools["lower"])
    (effect,) = exact([pools["lower"].max()])
    return Finding(effect, "largest factor attained", len(pools), 0, verdict, reason, factors)


def pools_help(tables: Tables) -> Finding:
    return _error_saved(tables, ("decay",), "all")


def hidden_pools_help_more(tables: Tables) -> Finding:
    return _error_saved(tables, ("input",), "hidden")


def every_layer_is_needed(tables: Tables) -> Finding:
    return _error_saved(tables, ("input", "hidden"), "all")


def units_and_directions(tables: Tables) -> Finding:
    layers = tables["units"]
    random = (layers["family"] == "gaussian") & (layers["network"] == "trained")
    every = layers[random & (layers["measure"] == "purity")]
    layers = every.dropna(subset=["delta"])
    if layers.empty:
        return untestable("no layer has enough units to compare with random directions")
    counts = {verdict: int((layers["verdict"] == verdict).sum()) for verdict in UNITS}
    units, directions, equivalent, unknown = counts.values()
    number = len(layers)
    if not units and directions + equivalent > MOST * number:
        verdict = REPRODUCED
    elif units > MOST * number:
        verdict = NOT
    else:
        verdict = PARTLY if directions + equivalent else NOT
    reason = (
        f"of {number} layers units are purer in {units}, directions in {directions}; equivalent"
        f" {equivalent}, open {unknown}"
    )
    left_out = len(every) - number
    reason += f"; {left_out} left out, with too few units" if left_out else ""
    effects = tuple(estimate(layers, "delta"))
    fewest = least(layers[["units_n", "n"]].min(axis=1))
    unit = "Cliff's delta of label purity, units against directions"
    return Finding(average(effects), unit, number, fewest, verdict, reason, effects)


def _above_noise(pairs: pandas.DataFrame) -> Finding:
    """Errors on adversarial examples against noise of equal distortion, on the same images."""
    gains = [
        difference(*both)
        for both in zip(estimate(pairs, "error"), estimate(pairs, "matched_noise"), strict=True)
    ]
    means = (f"{pairs[f'{name}_percent'].mean():.1f} %" for name in ("error", "matched_noise"))
    note = " against ".join(means) + " under noise"
    return finding(gains, pairs["error_n"], "errors minus those under noise, points", note)


def _pairs_of_halves(tables: Tables) -> pandas.DataFrame:
    """Cells of Table 4 off the diagonal, without the noise, with the parts of both models."""
    parts = tables["table3"].set_index("model")["trained_on"]
    cells = tables["table4"]
    pairs = cells[cells["made_for"].isin(parts.index) & (cells["made_for"] != cells["target"])]
    across = pairs["made_for"].map(parts) != pairs["target"].map(parts)
    return pairs.assign(across=across)


def _distorted(pairs: pandas.DataFrame, *, across: bool) -> pandas.DataFrame:
    return pairs[(pairs["input"] == "distorted") & (pairs["across"] == across)]


# ways to train under weight decay: words, and the pools of the table of cures
WAYS = {
    "decay": ("weight decay alone", r""),
    "input": ("a pool at the input alone", r"input"),
    "hidden": ("pools at hidden layers alone", r"hidden\d+(, hidden\d+)*"),
    "all": ("pools at all layers", r"all layers"),
}


def _error_saved(tables: Tables, worse: Sequence[str], better: str) -> Finding:
    """Test error of the best of some ways to train, minus that of another, of one network."""
    models = tables["cures"].assign(pools=tables["cures"]["pools"].fillna(""))
    for _, alike in models.groupby("network", sort=False):
        before = pandas.concat([_trained(alike, way) for way in worse])
        after = _trained(alike, better)
        if len(before) and len(after):
            break
    else:
        words = " or ".join(WAYS[way][0] for way in worse)
        return untestable(f"no network with {words} and with {WAYS[better][0]}")
    # of several models the best in place of the baseline, the worst in that of what is to be better
    before = before.sort_values("test_percent", kind="stable").iloc[[0]]
    after = after.sort_values("test_percent", kind="stable").iloc[[-1]]
    effects = [difference(estimate(before, "test")[0], estimate(after, "test")[0])]
    note = f"{before['test_percent'].item():.2f} % ({before['label'].item()}),"
    note += f" {after['test_percent'].item():.2f} % ({after['label'].item()})"
    images = [min(before["test_n"].item(), after["test_n"].item())]
    return finding(effects, images, "test error saved, points", note)


def _trained(models: pandas.DataFrame, way: str) -> pandas.DataFrame:
    pools = models["pools"]
    words = "weight decay" + ("; pools at " + pools).where(pools != "", "")
    return models[(models["regularisation"] == words) & pools.str.fullmatch(WAYS[way][1])]


IN_ALL = (
    "reproduced: the 95 % interval of the average difference lies above 0, so do those of more than"
    " half of the cases, and none lies below 0; partly: that of the average lies above 0, and more"
    " cases above than below"
)

CLAIMS = (
    Claim(
        "every image",
        "For every image, of every network studied, an adversarial example was found.",
        "images that are classified correctly and have an example, in every set of every attack;"
        " reproduced: all; partly: at least 99 % in each set",
        ("distortion",),
        every_image,
        line=(100.0, "every image"),
        axis="% of images with an example",
    ),
    Claim(
        "weight decay",
        "Stronger weight decay makes larger distortions necessary.",
        f"distortion of softmax models from one decay to the next; {IN_ALL}",
        ("table1",),
        distortion_grows_with_decay,
        axis="difference of distortions",
    ),
    Claim(
        "order of models",
        "The models need distortions in the order of Table 1.",
        "distortions of each two models with different published ones; reproduced: nine of ten"
        " pairs in that order, their intervals considered, and none in the opposite one; partly:"
        " more in that order than in the opposite one",
        ("table1",),
        order_of_distortion,
        ours=True,
        axis="difference of distortions",
    ),
    Claim(
        "across models",
        "Examples fool models with other hyper-parameters more often than noise does.",
        "errors of each other model that distinguishes the same classes, minus those under Gaussian"
        f" noise of equal distortion; {IN_ALL}",
        ("table2",),
        transfer_across_models,
        axis="points of error above noise",
    ),
    Claim(
        "across training sets",
        "They fool models trained on disjoint data as well.",
        f"the same for models whose training sets are disjoint; {IN_ALL}",
        ("table3", "table4"),
        transfer_across_training_sets,
        axis="points of error above noise",
    ),
    Claim(
        "weaker across training sets",
        "Across training sets they are considerably less effective.",
        "errors that the same examples cause on a model of the same training set minus those on one"
        f" of another; {IN_ALL}",
        ("table3", "table4"),
        weaker_across_training_sets,
        axis="points of error lost",
    ),
    Claim(
        "amplification",
        "Amplified examples fool other models more often.",
        f"errors of each other model before and after amplification; {IN_ALL}",
        ("table3", "table4"),
        amplification_raises_transfer,
        axis="points of error gained",
    ),
    Claim(
        "adversarial training",
        "Pools of adversarial examples for every layer's output lower the test error.",
        "test error of a network with weight decay alone (of several, the best) minus that with"
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
        "every layer",
        "The gain comes only with pools for the output of every layer.",
        "test error with pools at the input alone or at hidden layers alone, the better of the two,"
        " minus that with pools at all layers; reproduced: its interval lies above 0",
        ("cures",),
        every_layer_is_needed,
    ),
    Claim(
        "bounds",
        "Bounds of the layers are compatible with the distortions found.",
        "distortion of every single example and the radius that the bounds certify for its image;"
        " reproduced: no example inside (a build with one inside fails)",
        ("certificates",),
        bounds_hold,
        ours=True,
        line=(1.0, "certified"),
        axis="least distortion / certified",
        log=True,
    ),
    Claim(
        "formula",
        "The printed formula bounds the norm of a strided convolution from above.",
        "the formula as printed and a norm that an input attains; not: below it in every strided"
        " layer; partly: in some",
        ("table5",),
        printed_formula,
        line=(1.0, "attained"),
        axis="printed bound / attained norm",
        log=True,
    ),
    Claim(
        "max-pools",
        "Max-pooling is contractive.",
        "largest factor by which a pool enlarges a distance; not: above 1 in every pool; partly: in"
        " some",
        ("table5",),
        pools_contract,
        line=(1.0, "contractive"),
        axis="factor by which distances grow",
        log=True,
    ),
    Claim(
        "units",
        "Single units mean no more than random directions of their layer.",
        "label purity of the images that excite units and Gaussian directions most, by the verdict"
        " on each layer (n: units); reproduced: units are purer in no layer, and equivalent or less"
        " pure in more than half; not: purer in more than half, or neither in any; partly: between",
        ("units",),
        units_and_directions,
        axis="Cliff's delta of label purity",
    ),
)
