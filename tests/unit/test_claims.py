"""The claims: each test on tables that decide it one way and the other, and their arithmetic."""

import math

import numpy as np
import pandas
import pytest
from repository import ROOT

from intriguing import intervals
from intriguing.claims import evaluate, findings, paper, verdicts
from intriguing.claims.findings import NOT, PARTLY, REPRODUCED, UNTESTABLE, Effect
from intriguing.report import cells, published
from intriguing.report import claims as report


def test_the_difference_of_two_rates_is_newcombes():
    # Newcombe 1998, Table II, 56/70 - 48/80 by method 10
    low, high = intervals.wilson(56, 70)
    first = Effect(56 / 70, low, high)
    second = Effect(48 / 80, *intervals.wilson(48, 80))
    difference = findings.difference(first, second)
    assert difference.value == pytest.approx(0.2)
    assert (difference.low, difference.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_interval_of_a_difference_covers():
    generator = np.random.default_rng(0)
    covered, trials = 0, 2000
    for _ in range(trials):
        counts = generator.binomial(150, 0.3), generator.binomial(150, 0.1)
        pair = [Effect(k / 150, *intervals.wilson(k, 150)) for k in counts]
        difference = findings.difference(*pair)
        covered += difference.low <= 0.2 <= difference.high
    assert 0.93 < covered / trials < 0.98


def test_an_average_holds_even_for_the_same_sample_twice():
    one = Effect(1.0, 0.5, 1.6)
    assert findings.average([one, one]) == one
    assert findings.average([one, Effect(3.0, 2.5, 3.2)]) == Effect(2.0, 1.5, pytest.approx(2.4))


@pytest.mark.parametrize(
    ("lows", "highs", "verdict"),
    [
        ([1.0] * 10, [2.0] * 10, REPRODUCED),
        ([1.0] * 6 + [-0.1] * 4, [2.0] * 10, REPRODUCED),
        ([1.0] * 5 + [-0.1] * 5, [2.0] * 10, PARTLY),
        ([1.0] * 9 + [-2.0], [2.0] * 9 + [-1.0], PARTLY),
        ([-0.5] * 10, [2.0] * 10, NOT),
        ([-2.0] * 10, [-1.0] * 10, NOT),
        ([9.0] + [-2.0] * 2, [10.0] + [-1.0] * 2, NOT),
    ],
)
def test_the_rule_for_all_cases(lows, highs, verdict):
    effects = [Effect((a + b) / 2, a, b) for a, b in zip(lows, highs, strict=True)]
    assert findings.in_all(effects)[0] == verdict


def test_cases_without_an_interval_do_not_count():
    unknown = Effect(5.0, math.nan, math.nan)
    one = findings.finding([Effect(1.5, 1.0, 2.0), unknown], [400, 1], "points")
    assert (one.verdict, one.cases, one.images) == (REPRODUCED, 1, 400)
    assert one.effect.value == 1.5 and one.reason.endswith("1 left out, with too few images")
    assert findings.finding([unknown], [1], "points").verdict == UNTESTABLE
    assert findings.finding([], [], "points").verdict == UNTESTABLE


@pytest.mark.parametrize(
    ("high", "words"), [(0.5, "neither found nor contradicted"), (-0.1, "contradicted")]
)
def test_what_is_not_reproduced_is_found_wrong_or_open(high, words):
    reason = findings.finding([Effect(-0.3, -0.5, high)], [400], "points").reason
    assert reason.endswith(f"; {words}")


def rate(name, percent, number=400):
    return cells.rate(name, [round(percent * number / 100)], [number])


def distances(values, reach=0.001):
    return {
        "distortion": values,
        "distortion_low": [value - reach for value in values],
        "distortion_high": [value + reach for value in values],
        "success_n": [400] * len(values),
        "success_count": [400] * len(values),
    }


def verdict(name, tables):
    table = evaluate(tables).set_index("claim")
    return table.loc[name]


def test_without_tables_nothing_is_testable():
    table = evaluate({})
    assert set(table["verdict"]) == {UNTESTABLE} and len(table) == len(paper.CLAIMS)
    assert table["reason"][:-1].str.startswith("the experiment has no ").all()
    layout = report.layout(table)
    assert list(layout["effect"]) == [""] * len(table)


@pytest.mark.parametrize(
    ("missed", "expected"), [(0, REPRODUCED), (3, PARTLY), (4, PARTLY), (5, NOT)]
)
def test_every_image(missed, expected):
    sets = [cells.rate("success", [400], [400]), cells.rate("success", [400 - missed], [400])]
    row = verdict("every image", {"distortion": pandas.DataFrame(sets)})
    assert row["verdict"] == expected and row["effect"] == pytest.approx(100 - missed / 4)
    assert row["cases"] == 2 and row["images"] == 400
    assert row["reason"].startswith(f"{missed} of 800 ")
    nobody = pandas.DataFrame([cells.rate("success", [0], [0])])
    assert verdict("every image", {"distortion": nobody})["verdict"] == UNTESTABLE
    with_nobody = pandas.concat([nobody, pandas.DataFrame(sets)])
    assert verdict("every image", {"distortion": with_nobody})["verdict"] == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.06, 0.1, 0.14], REPRODUCED),
        ([0.06, 0.1, 0.1], PARTLY),
        ([0.06, 0.1, 0.08], NOT),
        ([0.14, 0.1, 0.06], NOT),
    ],
)
def test_distortion_grows_with_weight_decay(values, expected):
    # not in order in the table
    order = [2, 0, 1]
    columns = {key: [column[i] for i in order] for key, column in distances(values).items()}
    table = pandas.DataFrame({"role": [paper.SOFTMAX[i] for i in order], **columns})
    table["paper_distortion"] = np.nan
    row = verdict("weight decay", {"table1": table})
    assert row["verdict"] == expected
    assert row["effect"] == pytest.approx((values[2] - values[0]) / 2)
    # two models with one decay: both count
    second = table[table["role"] == "FC10(1)"].assign(**distances([0.02]))
    both = verdict("weight decay", {"table1": pandas.concat([table, second])})
    assert both["verdict"] != REPRODUCED and both["cases"] == 3
    alone = verdict("weight decay", {"table1": table[:1]})
    assert alone["verdict"] == UNTESTABLE and "fewer than two" in alone["reason"]
    assert verdict("order of models", {"table1": table})["verdict"] == UNTESTABLE


@pytest.mark.parametrize(
    ("values", "expected", "tau"),
    [
        ([0.05, 0.06, 0.07, 0.08], REPRODUCED, 1),
        ([0.05, 0.07, 0.06, 0.08], PARTLY, 4 / 6),
        ([0.05, 0.0601, 0.06, 0.0605], PARTLY, 4 / 6),
        ([0.08, 0.07, 0.06, 0.05], NOT, -1),
    ],
)
def test_order_of_models(values, expected, tau):
    table = pandas.DataFrame({"role": list("abcd"), **distances(values)})
    table["paper_distortion"] = [0.058, 0.062, 0.065, 0.1]
    row = verdict("order of models", {"table1": table})
    assert row["verdict"] == expected and row["effect"] == pytest.approx(tau)
    assert row["effect_low"] - 1e-9 <= tau <= row["effect_high"] + 1e-9 and row["cases"] == 6


def transfers(error, noise):
    rows = []
    for source in "ab":
        for target in "ab":
            wrong = 100 if source == target else error
            row = {"made_for": source, "target": target, **rate("error", wrong)}
            rows.append(row | rate("matched_noise", noise) | {"comparable": True})
    # of other classes, fooled less than by noise
    row = {"made_for": "a", "target": "binary", "comparable": False, **rate("error", 0)}
    rows.append(row | rate("matched_noise", 90))
    # noise itself has no noise to be compared with
    rows.append({"made_for": "noise0.1", "target": "a", **rate("error", 99)})
    rows[-1] |= cells.rate("matched_noise", [], []) | {"comparable": False}
    return pandas.DataFrame(rows)


@pytest.mark.parametrize(("error", "expected"), [(20, REPRODUCED), (3, NOT), (1, NOT)])
def test_transfer_across_models_exceeds_noise(error, expected):
    row = verdict("across models", {"table2": transfers(error, 3)})
    assert row["verdict"] == expected and row["cases"] == 2
    assert row["effect"] == pytest.approx(error - 3)
    assert row["effect_low"] < row["effect"] < row["effect_high"]


def as_ours(name, **control):
    """A published table as if it were ours: what would the claims say of the paper itself?"""
    table = published.read(ROOT / "resources" / "paper" / f"{name}.csv")
    table = table[table["error_percent"].notna()].copy()
    table["error_n"] = table["error_n"].fillna(256)
    noise = table[table["made_for"] == f"Gaussian noise {control['noise']}"]
    under = noise.set_index("target")["error_percent"]
    for row in table.index:
        ours, theirs = table.loc[row, "error_percent"], under[table.loc[row, "target"]]
        for column, percent in (("error", ours), ("matched_noise", theirs)):
            for key, value in rate(column, percent, 256).items():
                table.loc[row, key] = value
    return table[~table["made_for"].str.startswith("Gaussian")].assign(comparable=True)


def test_the_paper_passes_its_own_claims():
    models = verdict("across models", {"table2": as_ours("table2", noise=0.1)})
    assert models["verdict"] == REPRODUCED and models["cases"] == 30
    parts = {"FC100-100-10": "P1", "FC123-456-10": "P1", "FC100-100-10'": "P2"}
    halves = pandas.DataFrame({"model": list(parts), "trained_on": list(parts.values())})
    tables = {"table3": halves, "table4": as_ours("table4", noise=0.06)}
    across = verdict("across training sets", tables)
    assert across["verdict"] == REPRODUCED and across["cases"] == 4
    assert verdict("amplification", tables)["verdict"] == REPRODUCED


HALVES = pandas.DataFrame({"model": ["p", "q", "r"], "trained_on": ["P1", "P1", "P2"]})


def table4(within, across, amplified, noise=2):
    rows = []
    for source in HALVES.itertuples():
        for target in HALVES.itertuples():
            same = source.trained_on == target.trained_on
            wrong = 100 if source == target else within if same else across
            for kind, percent in (("distorted", wrong), ("amplified", max(wrong, amplified))):
                row = {"made_for": source.model, "target": target.model, "input": kind}
                rows.append(row | rate("error", percent) | rate("matched_noise", noise))
    rows.append({"made_for": "noise0.06", "target": "p", "input": "distorted", **rate("error", 50)})
    return pandas.DataFrame(rows)


def test_transfer_across_training_sets():
    tables = {"table3": HALVES, "table4": table4(within=30, across=10, amplified=50)}
    across = verdict("across training sets", tables)
    assert (across["verdict"], across["effect"], across["cases"]) == (REPRODUCED, 8, 4)
    weaker = verdict("weaker across training sets", tables)
    assert weaker["verdict"] == REPRODUCED and weaker["effect"] == pytest.approx(20)
    # each source on p's or q's other model and on r
    assert weaker["cases"] == 2
    assert weaker["reason"].endswith("30.0 % within a training set, 10.0 % across")
    more = verdict("amplification", tables)
    assert more["verdict"] == REPRODUCED and more["cases"] == 6
    assert more["effect"] == pytest.approx((4 * 40 + 2 * 20) / 6)


def test_what_is_not_there_is_not_reproduced():
    tables = {"table3": HALVES, "table4": table4(within=2, across=2, amplified=0)}
    for claim in ("across training sets", "weaker across training sets", "amplification"):
        assert verdict(claim, tables)["verdict"] == NOT, claim
    two = {"table3": HALVES[1:], "table4": tables["table4"]}
    assert verdict("weaker across training sets", two)["verdict"] == UNTESTABLE


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, REPRODUCED), (0.999, NOT)])
def test_bounds_hold_for_every_example(ratio, expected):
    table = pandas.DataFrame({"least_ratio": [1.5, ratio], "n": [50, 60]})
    row = verdict("bounds", {"certificates": table})
    assert row["verdict"] == expected and row["effect"] == ratio and row["images"] == 50
    assert math.isnan(row["effect_low"])


def test_formula_and_pools():
    layers = pandas.DataFrame(
        [
            {"kind": "Conv", "stride": 4.0, "paper_as_printed": 0.12, "lower": 0.48},
            {"kind": "Conv", "stride": 1.0, "paper_as_printed": 1.0, "lower": 1.0},
            {"kind": "max-pool", "stride": np.nan, "paper_as_printed": np.nan, "lower": 2.0},
            {"kind": "FC", "stride": np.nan, "paper_as_printed": np.nan, "lower": 3.0},
        ]
    )
    formula = verdict("formula", {"table5": layers})
    assert formula["verdict"] == NOT and formula["effect"] == pytest.approx(0.25)
    pools = verdict("max-pools", {"table5": layers})
    assert pools["verdict"] == NOT and pools["effect"] == 2
    apart = layers.assign(lower=[0.1, 1.0, 1.0, 3.0])
    assert verdict("formula", {"table5": apart})["verdict"] == REPRODUCED
    assert verdict("max-pools", {"table5": apart})["verdict"] == REPRODUCED
    # a pool with a stride is no convolution, whatever is known of it
    pool = pandas.DataFrame(
        [{"kind": "average pool", "stride": 2.0, "paper_as_printed": 1.0, "lower": 0.5}]
    )
    assert verdict("formula", {"table5": pool})["verdict"] == UNTESTABLE
    plain = layers[layers["kind"] == "FC"]
    for claim in ("formula", "max-pools"):
        assert verdict(claim, {"table5": plain})["verdict"] == UNTESTABLE


def cures(network="100-100", **errors):
    words = {
        "decay": ("weight decay", ""),
        "dropout": ("weight decay; dropout 0.1", ""),
        "input": ("weight decay; pools at input", "input"),
        "noise": ("weight decay; pools of noise at input", "input"),
        "hidden": ("weight decay; pools at hidden1, hidden2", "hidden1, hidden2"),
        "all": ("weight decay; pools at all layers", "all layers"),
        "undecayed": ("pools at all layers", "all layers"),
    }
    rows = []
    for way, percent in errors.items():
        regularisation, pools = words[way]
        row = {"label": way, "regularisation": regularisation, "pools": pools or np.nan}
        rows.append(row | {"network": network} | rate("test", percent, 10_000))
    return pandas.DataFrame(rows)


def test_pools_of_adversarial_examples():
    good = cures(undecayed=9, dropout=9, noise=9, decay=1.6, input=1.6, hidden=1.2, all=0.7)
    row = verdict("adversarial training", {"cures": good})
    assert (row["verdict"], row["effect"]) == (REPRODUCED, pytest.approx(0.9))
    assert row["reason"].endswith("1.60 % (decay), 0.70 % (all)") and row["images"] == 10_000
    assert verdict("hidden layers", {"cures": good})["effect"] == pytest.approx(0.4)
    # against the better of the two
    assert verdict("every layer", {"cures": good})["effect"] == pytest.approx(0.5)
    bad = cures(decay=1.6, input=1.5, hidden=1.6, all=1.6)
    for claim in ("adversarial training", "hidden layers", "every layer"):
        assert verdict(claim, {"cures": bad})["verdict"] == NOT
    some = {"cures": cures(decay=1.6, all=1.1)}
    assert verdict("hidden layers", some)["verdict"] == UNTESTABLE
    # of two models with weight decay alone the better one counts, of two with pools the worse
    two = pandas.concat([bad, cures(decay=1.1, all=1.7)])
    assert verdict("adversarial training", {"cures": two})["effect"] == pytest.approx(-0.6)
    # networks are not mixed
    mixed = pandas.concat([cures("10-10", decay=9), cures(input=2, all=1.1)])
    without = verdict("adversarial training", {"cures": mixed})
    assert (
        without["verdict"] == UNTESTABLE
        and "no network with weight decay alone" in without["reason"]
    )


def layers_of_units(*verdicts):
    rows = [
        {"family": "gaussian", "measure": "purity", "network": "trained", "verdict": verdict}
        | {"units_n": 30, "n": 20}
        | {"delta": 0.1, "delta_low": -0.1, "delta_high": 0.3}
        for verdict in verdicts
    ]
    other = {**rows[0], "family": "kmeans", "verdict": "units larger"}
    return {"units": pandas.DataFrame([*rows, other, {**rows[0], "measure": "auc"}])}


UNITS, DIRECTIONS, ALIKE, OPEN = "units larger", "directions larger", "equivalent", "cannot tell"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((ALIKE, DIRECTIONS, OPEN), REPRODUCED),
        ((ALIKE, OPEN, OPEN), PARTLY),
        ((ALIKE, ALIKE, UNITS), PARTLY),
        ((UNITS, UNITS, ALIKE), NOT),
        ((OPEN, OPEN), NOT),
    ],
)
def test_units_mean_no_more_than_directions(layers, expected):
    row = verdict("units", layers_of_units(*layers))
    assert row["verdict"] == expected
    assert (row["cases"], row["images"], row["effect"]) == (len(layers), 20, pytest.approx(0.1))
    assert f"of {len(layers)} layers units are purer in {layers.count(UNITS)}" in row["reason"]


def test_the_claims_as_a_table():
    table = evaluate({"table2": transfers(20, 3)})
    layout = report.layout(table).set_index("claim")
    line = layout.loc[
        "Examples fool models with other hyper-parameters more often than noise does."
    ]
    assert line["verdict"] == "reproduced" and line["effect"].startswith("17 [")
    assert line["cases"] == "2" and line["n"] == "400"
    assert list(layout["verdict"]).count("not testable here") == len(table) - 1


def test_the_cases_of_a_claim_are_those_that_it_was_judged_by():
    tables = {"table2": transfers(20, 3)}
    layers = {"kind": ["Conv", "max-pool"], "stride": [4.0, 2.0], "lower": [0.5, 2.0]}
    tables["table5"] = pandas.DataFrame(layers | {"paper_as_printed": [0.125, np.nan]})
    cases = verdicts.cases(tables).set_index("claim")
    assert set(cases.index) == {"across models", "formula", "max-pools"}
    judged = evaluate(tables).set_index("claim")
    for claim in set(cases.index):
        assert len(cases.loc[[claim]]) == judged.loc[claim, "cases"]
    # errors of 20 % instead of 3 %, in both pairs
    assert list(cases.loc["across models", "value"]) == pytest.approx([17, 17])
    assert (cases.loc["across models", "low"] < 17).all() and not cases.loc[
        "across models", "log"
    ].any()
    assert cases.loc["formula", ["value", "line"]].tolist() == [0.25, 1.0]
