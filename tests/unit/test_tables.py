"""Tables 1 and 2, distortion by attack, the published values, and the formats of a table."""

from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from repository import ROOT
from scipy.stats import binomtest

from intriguing.artifacts.files import read_table, write_table
from intriguing.report import (
    basis,
    cures,
    distortion,
    formats,
    mistakes,
    published,
    table1,
    table2,
    table3,
    table4,
)

PAPER = ROOT / "resources" / "paper"
MODELS = {
    "a": {"label": "A & co", "description": "first", "role": "FC10(1)"},
    "b": {"label": "B", "description": "second", "role": "FC100-100-10"},
    "own": {"label": "own", "description": ""},
}


@pytest.fixture(scope="module")
def attacks():
    return pandas.DataFrame(
        [
            {
                "attack": attack,
                "model": name,
                "seed": seed,
                "method": "lbfgs",
                "split": "train",
                "targets": "next",
                "labels": "data",
                "margin": 1e-4,
                "levels": 256 if attack == "other" else np.nan,
                "already_wrong": 2,
                "attacked": 18,
                "successes": 18 - seed,
                "distortion_mean": 0.05 + 0.01 * seed + 0.001 * (attack == "other"),
                "distortion_deviation": 0.02,
                "distortion_median": 0.04,
                "distortion_worst": 0.2,
                "evaluations_mean": 20.0 + 2 * seed,
            }
            for attack in ("lbfgs", "other")
            for name in MODELS
            for seed in (0, 1)
        ]
    )


@pytest.fixture(scope="module")
def first_table(attacks):
    metrics = {
        name: [
            {"trained_on": "P1", "errors": {"P1": counts(3 * k, 50), "test": counts(k, 40)}}
            for k in (1, 2)
        ]
        for name in MODELS
    }
    return table1.tidy(MODELS, metrics, attacks, published.read(PAPER / "table1.csv"), "lbfgs")


def counts(errors, number):
    return {"errors": errors, "n": number}


def transfer_row(source, target, **values):
    row = {"attack": "lbfgs", "made_for": source, "seed": 0, "input": "distorted"}
    row |= {"target": target, "n": 20, "distortion_mean": 0.07, "same_errors": np.nan}
    return row | values


@pytest.fixture(scope="module")
def second_table():
    rows = []
    # the noise of Figure 7 is no row of Table 2
    noise = [(name, "gaussian_noise") for name in ("noise0.1", "noise1.0")]
    for source, attack in [(name, "lbfgs") for name in MODELS] + noise:
        for k, target in enumerate(MODELS):
            errors = {"distorted": 10 + k, "clean": k, "matched_noise": 2 + k}
            if attack == "gaussian_noise":
                del errors["matched_noise"]
            for kind, number in errors.items():
                row = transfer_row(source, target, attack=attack, input=kind, errors=number)
                rows.append(row | ({"distortion_mean": 0.0} if kind == "clean" else {}))
    paper = published.read(PAPER / "table2.csv")
    return table2.tidy(MODELS, pandas.DataFrame(rows), paper, "lbfgs", ["noise0.1"])


def test_published_values_carry_intervals():
    paper = published.read(PAPER / "table2.csv").set_index(["made_for", "target"])
    cell = paper.loc[("FC200-200-10", "FC100-100-10")]
    expected = binomtest(52, 256).proportion_ci(method="wilson")
    assert cell["error_percent"] == 20.3
    assert cell["error_low"] == pytest.approx(100 * expected.low, abs=0.05)
    assert cell["error_high"] == pytest.approx(100 * expected.high, abs=0.05)
    assert set(paper["tag"]) == {"V"}
    assert len(paper) == 8 * 6


def test_table1_pools_seeds_and_joins_the_paper(first_table):
    row = first_table.set_index("model").loc["a"]
    assert row["train_n"] == 100 and row["train_count"] == 9 and row["train_percent"] == 9
    assert row["test_percent"] == pytest.approx(100 * 3 / 80)
    assert row["test_low"] < row["test_percent"] < row["test_high"]
    assert row["success_count"] == 35 and row["success_n"] == 36
    assert row["distortion"] == pytest.approx(0.055)
    assert row["paper_test_percent"] == 20
    assert list(first_table["model"]) == list(MODELS)
    assert pandas.isna(first_table.set_index("model").loc["own", "paper_distortion"])


def test_table1_has_ours_and_the_published_value_in_one_row(first_table):
    layout = table1.layout(first_table)
    assert list(layout["model"]) == [
        "A & co (published: FC10(1))",
        "B (published: FC100-100-10)",
        "own",
    ]
    line = layout.iloc[0]
    assert (line["n train"], line["n test"]) == ("100", "80")
    # 18 attacked and 2 misclassified in each of two seeds
    assert (line["attacked"], line["examples"]) == ("36 of 40", "35")
    # an interval over seeds far wider than between 9 % and 21.2 %
    assert line["train error %, published"] == "21.2 [20.9, 21.5] agrees"
    # 0.050 and 0.060 in two seeds: 0.055 plus or minus 0.064 by Student's factor of 12.7
    assert line["av. distortion, published"] == "0.14 higher"
    assert list(layout.iloc[2].filter(like="published")) == ["", "", ""]


def test_on_other_images_published_values_are_shown_but_not_compared(attacks):
    metrics = {
        name: [{"trained_on": "train", "errors": {"train": counts(1, 50), "test": counts(4, 40)}}]
        for name in MODELS
    }
    paper = published.read(PAPER / "table1.csv")
    table = table1.tidy(MODELS, metrics, attacks, paper, "lbfgs", same_data=False)
    assert list(table["paper_distortion_is"]) == ["other data", "other data", ""]
    layout = table1.layout(table)
    assert list(layout["test error %, published for MNIST"]) == [
        "20 [19.2, 20.8]",
        "1.64 [1.41, 1.91]",
        "",
    ]
    assert layout["av. distortion, published for MNIST"][0].kind == "number published other"
    # none is shown where no model has a role
    own = table1.tidy({"own": MODELS["own"]}, metrics, attacks, paper, "lbfgs")
    assert not any("published" in heading for heading in table1.layout(own))
    assert list(table1.layout(own)["model"]) == ["own"]


def basis_of(table, attack=None, seeds=1):
    entry = {"count": 64, "split": "train", "margin": 1e-4, "targets": "next", "labels": "data"}
    return basis.caption("digits", entry | (attack or {}), seeds, table, published="test images")


def test_a_caption_speaks_of_published_values_only_where_there_are_some(first_table):
    assert "as printed there, test images of MNIST" in basis_of(first_table)
    verdicts = {f"{paper}_is": "other data" for paper in table1.PUBLISHED.values()}
    other = basis_of(first_table.assign(**verdicts))
    assert "another data set" in other and "agrees" not in other
    values = dict.fromkeys(table1.PUBLISHED.values(), np.nan)
    assert "published" not in basis_of(first_table.assign(**values)).lower()


def test_few_images_are_warned_of(first_table, attacks):
    # 35 examples in two seeds, of 20 images each
    first, second = basis.warnings(first_table)
    assert "Fewer than 30 images" in first
    assert "A & co 18 of 20 (2 misclassified undistorted); B 18 of 20" in first
    assert "labels: model" in second
    of_model = basis.warnings(first_table.assign(labels="model", already_wrong_n=0))
    assert "A & co 18 of 18" in of_model[0] and "larger count" in of_model[1]
    assert basis.warnings(first_table.assign(success_count=60)) == []
    # seeds attack the same images: 59 in two seeds are fewer than 30
    assert "A & co 30 of 20" in basis.warnings(first_table.assign(success_count=59))[0]
    table = distortion.tidy(MODELS, attacks, ["other", "lbfgs"])
    assert "A & co, other 18 of 20" in basis.warnings(table)[0]


def test_table1_shows_what_a_binary_model_misses(attacks):
    test = counts(4, 40) | {"positive_n": 10, "positive_errors": 3}
    metrics = {
        "a": [{"trained_on": "train", "errors": {"train": counts(1, 50), "test": test}}],
        "b": [{"trained_on": "train", "errors": {"train": counts(1, 50), "test": counts(4, 40)}}],
    }
    models = {name: MODELS[name] for name in metrics}
    table = table1.tidy(models, metrics, attacks, published.read(PAPER / "table1.csv"), "lbfgs")
    assert table["missed_percent"][0] == 30 and pandas.isna(table["missed_n"][1])
    missed = table1.layout(table)["its class missed %"]
    assert missed[0].startswith("30.0 [") and missed[1] == ""


def test_distortion_has_a_row_for_each_attack_of_each_model(attacks):
    table = distortion.tidy(MODELS, attacks, ["other", "lbfgs"])
    assert list(table["attack"][:2]) == ["other", "lbfgs"] and len(table) == 6
    first = table.iloc[0]
    # seeds pooled: 18 and 17 of 18 each, means 0.051 and 0.061
    assert (first["success_count"], first["success_n"], first["seeds"]) == (35, 36, 2)
    assert first["distortion"] == pytest.approx((0.051 + 0.061) / 2)
    assert first["distortion_low"] < first["distortion"] < first["distortion_high"]
    assert first["evaluations"] == 21
    layout = distortion.layout(table)
    assert (layout.iloc[0]["attacked"], layout.iloc[0]["examples"]) == ("36 of 40", "35")
    assert list(layout["margin"][:2]) == ["0.0001, 256 levels", "0.0001"]
    assert "A & co" in formats.markdown(layout)


def test_an_attack_that_leaves_a_model_out_has_no_row_for_it(attacks):
    some = attacks[(attacks["attack"] == "lbfgs") | (attacks["model"] == "b")]
    table = distortion.tidy(MODELS, some, ["lbfgs", "other"])
    assert list(table["model"]) == ["a", "b", "b", "own"]
    caption = distortion.caption("digits", table)
    assert "every model of digits" in caption
    # an image counts once for each attack on it
    assert "140 of 144, all but for A & co 35 of 36; B 70 of 72; own 35 of 36." in caption
    every = distortion.caption("digits", table.assign(success_count=table["success_n"]))
    assert every.endswith("144 of 144.")


def test_table2_says_which_models_distinguish_the_same_classes():
    rows = [
        transfer_row(source, target, errors=5, same_errors=np.nan if target == "own" else 3.0)
        for source in MODELS
        for target in MODELS
    ]
    paper = published.read(PAPER / "table2.csv")
    table = table2.tidy(MODELS, pandas.DataFrame(rows), paper, "lbfgs")
    assert list(table["comparable"]) == [True, True, False] * 3


def test_table2_has_a_cell_for_each_pair_and_control(second_table):
    assert len(second_table) == 4 * 3
    cell = second_table.set_index(["made_for", "target"]).loc[("b", "a")]
    assert cell["error_n"] == 20 and cell["error_percent"] == 50
    expected = binomtest(10, 20).proportion_ci(method="wilson")
    assert cell["error_low"] == pytest.approx(100 * expected.low)
    assert cell["matched_noise_percent"] == 10 and cell["clean_percent"] == 0
    assert cell["paper_error_percent"] == 21.1
    noise = second_table.set_index(["made_for", "target"]).loc[("noise0.1", "b")]
    assert noise["paper_error_percent"] == 0 and noise["matched_noise_n"] == 0
    assert list(dict.fromkeys(second_table["made_for"])) == [*MODELS, "noise0.1"]


def test_the_same_numbers_are_in_every_format(first_table, second_table):
    for layout in (table1.layout(first_table), *table2.layouts(second_table).values()):
        numbers = [
            cell for row in layout.astype(str).to_numpy() for cell in row if "[" in cell and cell
        ]
        texts = {
            "md": formats.markdown(layout),
            "tex": formats.latex(layout),
            "html": formats.html_table(layout),
        }
        for name, text in texts.items():
            assert "nan" not in text.lower(), name
            for number in numbers:
                assert number in text, (name, number)
        assert "\\toprule" in texts["tex"] and "A \\& co" in texts["tex"]
        assert texts["html"].count("<tr") == len(layout) + 1
        assert texts["html"].count("<td") == layout.size - len(layout)


def test_the_caption_is_below_the_layouts_in_every_format(first_table, tmp_path):
    paths = SimpleNamespace(**{end: tmp_path / f"t.{end}" for end in ("csv", "md", "tex", "html")})
    layout = table1.layout(first_table)
    layouts = {"": layout, "nothing": pandas.DataFrame(), "B & co": layout[:1]}
    formats.write(first_table, layouts, "50 % of A & co_1 < all.", paths, notes=["1 < 2."])
    md, tex, page = (getattr(paths, name).read_text() for name in ("md", "tex", "html"))
    assert md.startswith(formats.markdown(layout) + "\n**B & co**\n\n")
    assert md.endswith("\n1 < 2.\n\n50 % of A & co_1 < all.\n")
    assert tex.startswith(formats.latex(layout) + "\n\\noindent\\textbf{B \\& co}\\par\n")
    assert "noindent 1 $<$ 2.\\par}\n" in tex
    assert tex.endswith("noindent 50 \\% of A \\& co\\_1 $<$ all.\\par}\n")
    assert page.startswith(formats.html_table(layout) + "\n<h3>B &amp; co</h3>\n")
    assert '<p class="note">1 &lt; 2.</p>\n' in page
    assert page.endswith('<p class="caption">50 % of A &amp; co_1 &lt; all.</p>\n')
    assert not any("nothing" in text for text in (md, tex, page))
    assert len(read_table(paths.csv)) == len(MODELS)
    formats.write(first_table, layouts, "", paths, sortable={"": layout[:1]})
    assert paths.html.read_text().startswith(formats.html_table(layout[:1]) + "\n<p")
    assert paths.md.read_text().startswith(formats.markdown(layout))


@pytest.mark.parametrize(
    ("targets", "labels", "words"),
    [
        ("next", "data", "next, margin 0.0001 in logits. 95 % intervals over images and 3 seeds"),
        ({"class": "0"}, "model", "class 0, margin 0.0001 in logits. 95 % intervals over images"),
    ],
)
def test_the_basis_of_tables_1_to_4(targets, labels, words, first_table):
    attack = {"targets": targets, "labels": labels}
    caption = basis_of(first_table, attack, 3)
    assert ("An error is a class other than" in caption) == (labels == "model")
    alone = basis_of(first_table, attack)
    assert "over images alone, since there is one seed (list several under seeds" in alone
    assert caption.startswith("digits: 64 images of split train, ") and words in caption


def test_whether_a_published_value_agrees():
    nothing = np.nan
    # our interval, the published value, its interval
    cases = {
        (10, 20, 9.9, 9, 9.95): "lower",
        (10, 20, 9.9, 9, 10): "agrees",
        (10, 20, 15, 5, 25): "agrees",
        (10, 20, 20.1, 20, 21): "agrees",
        (10, 20, 20.1, 20.05, 21): "higher",
        (10, 20, 9.9, nothing, nothing): "lower",
        (10, 20, 10, nothing, nothing): "agrees",
        (10, 20, 20.1, nothing, nothing): "higher",
        (nothing, nothing, 15, 5, 25): "",
        (10, 20, nothing, nothing, nothing): "",
    }
    paper = ["paper_error_percent", "paper_error_low", "paper_error_high"]
    table = pandas.DataFrame(list(cases), columns=["error_low", "error_high", *paper])
    compared = published.compared(table, {"error": "paper_error_percent"})
    assert list(compared["paper_error_percent_is"]) == list(cases.values())
    # without an interval at all, as published distortions
    alone = published.compared(table.drop(columns=paper[1:]), {"error": "paper_error_percent"})
    assert list(alone["paper_error_percent_is"][:2]) == ["lower", "lower"]
    other = published.compared(table, {"error": "paper_error_percent"}, same_data=False)
    # whether or not there is anything of ours
    assert list(other["paper_error_percent_is"]) == ["other data"] * 9 + [""]


HALVED = {
    "p": {"label": "FC", "description": "", "role": "FC100-100-10"},
    "q": {"label": "FC'", "description": "", "role": "FC100-100-10'"},
}


def test_table3_has_the_errors_on_each_part(attacks):
    metrics = {
        name: [
            {
                "trained_on": part,
                "errors": {
                    "train": counts(9, 100),
                    "test": counts(k, 40),
                    "P1": counts(0, 50),
                    "P2": counts(2 * k, 50),
                },
            }
            for k in (1, 2)
        ]
        for name, part in (("p", "P1"), ("q", "P2"))
    }
    sets = attacks.assign(model=attacks["model"].map({"a": "p", "b": "q"}), attack="on_test")
    paper = published.read(PAPER / "table3.csv")
    table = table3.tidy(HALVED, metrics, sets, paper, "on_test")
    row = table.set_index("model").loc["p"]
    assert row["error_P2_percent"] == 6 and row["error_P2_n"] == 100 and row["error_P1_count"] == 0
    assert row["paper_error_P2_percent"] == 2.4 and row["paper_error_P2_percent_is"] == "agrees"
    assert row["paper_distortion"] == 0.062
    layout = table3.layout(table)
    assert list(layout["model"]) == [
        "FC (published: FC100-100-10)",
        "FC' (published: FC100-100-10')",
    ]
    assert layout["error % on P1, published"][0] == "0 [0.00, 0.01] agrees"
    assert (layout["n P1"][0], layout["attacked"][0]) == ("100", "72 of 80")
    assert "n train" not in layout and "nan" not in formats.markdown(layout)
    # the halves the other way round: own is compared with own
    turned = {
        name: [{**run, "trained_on": {"P1": "P2", "P2": "P1"}[run["trained_on"]]} for run in runs]
        for name, runs in metrics.items()
    }
    swapped = table3.tidy(HALVED, turned, sets, paper, "on_test").set_index("model").loc["p"]
    assert (swapped["paper_error_P2_percent"], swapped["paper_error_P1_percent"]) == (0, 2.4)
    # one part alone is no half
    renamed = {
        name: [{**run, "errors": {"A": run["errors"]["P1"], "test": counts(1, 40)}} for run in runs]
        for name, runs in metrics.items()
    }
    other = table3.layout(table3.tidy(HALVED, renamed, sets, paper, "on_test"))
    assert "error % on A" in other and "error % on A, published" not in other


def test_table4_is_in_the_order_of_the_paper():
    rows = []
    for source in (*HALVED, "noise0.06", "noise0.1"):
        for target in HALVED:
            kinds = ["distorted", "clean"]
            if source in HALVED:
                kinds += ["matched_noise", *list(table4.INPUTS)[1:], "amplified_noise"]
            for kind in kinds:
                errors = {"distorted": 8, "amplified": 12}.get(kind, 1)
                rows.append(transfer_row(source, target, input=kind, errors=errors, beyond=2))
    paper = published.read(PAPER / "table4.csv")
    noise = {"noise0.06": 0.06, "noise0.1": 0.1}
    table = table4.tidy(HALVED, pandas.DataFrame(rows), paper, noise, 0.1)
    cell = table.set_index(["made_for", "input", "target"])
    assert cell.loc[("p", "amplified", "q"), "paper_error_percent"] == 43
    assert pandas.isna(cell.loc[("p", "amplified", "q"), "paper_error_low"])
    assert cell.loc[("p", "distorted", "q"), "paper_error_percent"] == 5.9
    assert cell.loc[("p", "distorted", "q"), "paper_error_low"] < 5.9
    assert cell.loc[("noise0.06", "distorted", "q"), "paper_error_percent"] == 2.4
    assert pandas.isna(cell.loc[("noise0.06", "distorted", "q"), "paper_error_n"])
    assert cell.loc[("p", "amplified", "q"), "beyond"] == 2
    assert cell.loc[("p", "amplified_as_printed", "q"), "beyond"] == 0
    assert cell.loc[("p", "amplified", "q"), "matched_noise_percent"] == 5
    layout, control = table4.layouts(table).values()
    assert list(layout["examples"][layout["examples"] != ""]) == [
        "for FC",
        "for FC'",
        "Gaussian noise 0.06",
        "for FC, amplified to 0.1",
        "for FC', amplified to 0.1",
        "Gaussian noise 0.1",
        "for FC, to 0.1, not clipped to the box",
        "for FC', to 0.1, not clipped to the box",
        "for FC, to 0.1 by the formula as printed",
        "for FC', to 0.1 by the formula as printed",
    ]
    assert (layout["errors in %"] == "published").sum() == 6
    assert "nan" not in formats.markdown(layout)
    noise = "Gaussian noise, same distortion"
    assert list(control["errors in %"]) == [noise, "undistorted"] * 2 + [noise] * 2
    # a row for each cell: ten sources on two models
    listing = table4.sortable(table)[""]
    assert len(listing) == 20
    line = listing.iloc[1]
    assert (line["examples"], line["evaluated on"], line["n"]) == ("for FC", "FC'", "20")
    assert line["error %, published"] == "5.9 [3.6, 9.5]" and line["agreement"] == "lower"
    assert line["noise of the same distortion, %"].startswith("5.0 [")
    assert "Up to 2 examples of a row were farther" in table4.caption("Ours.", table)
    # said only where it is so
    assert "nearer than the example" not in table4.caption("Ours.", table)
    near = table.assign(
        distortion=table["distortion"].where(table["input"] != "amplified_as_printed", 0.01)
    )
    assert "printed an amplified image is nearer" in table4.caption("Ours.", near)


def test_mistakes_are_divided_into_the_target_and_others():
    rows = []
    for source in MODELS:
        for target in MODELS:
            same = {"distorted": 6.0, "matched_noise": 1.0}
            for kind, errors in (("distorted", 10), ("matched_noise", 2)):
                row = transfer_row(source, target, input=kind, errors=errors)
                cosine = 0.1 + 0.1 * list(MODELS).index(target)
                row |= {"same_errors": np.nan if target == "own" else same[kind]}
                row |= {"cosine_mean": cosine, "cosine_median": cosine, "cosine_deviation": 0.1}
                rows.append(row | {"cosine_n": 20})
    table = mistakes.tidy(MODELS, pandas.DataFrame(rows), "lbfgs")
    # no pair with itself, and none with the model of other classes
    assert list(zip(table["made_for"], table["target"], strict=True)) == [
        ("a", "b"),
        ("b", "a"),
        ("own", "a"),
        ("own", "b"),
    ]
    first = table.iloc[0]
    assert (first["error_percent"], first["same_percent"], first["other_percent"]) == (50, 30, 20)
    assert (first["noise_percent"], first["noise_same_percent"]) == (10, 5)
    assert first["cosine"] == pytest.approx(0.2) and first["cosine_low"] < 0.2
    layout = mistakes.layout(table)
    assert (layout["other models"][2], layout["n"][2]) == ("2", "20")
    assert layout["made for"][0] == "A & co"
    assert layout["cosine of margin gradients"][2].startswith("0.100 [")
    assert " to 0.200 [" in layout["cosine of margin gradients"][2]
    assert "4 pairs" in mistakes.caption(table) and "correlation" not in mistakes.caption(table)
    unknown = table.assign(cosine=np.nan, cosine_low=np.nan, cosine_high=np.nan)
    assert "0 pairs" in mistakes.caption(unknown)
    assert set(mistakes.layout(unknown)["cosine of margin gradients"]) == {""}
    none = mistakes.tidy({"own": MODELS["own"]}, pandas.DataFrame(rows), "lbfgs")
    assert none.empty and mistakes.layout(none).empty and "no two models" in mistakes.caption(none)


def test_layout_of_a_cell(second_table):
    layout = table2.layouts(second_table)[""]
    assert layout.iloc[0]["A & co"] == "50.0 [29.9, 70.1]"
    assert layout.iloc[1]["A & co"] == "100 [98.5, 100.0] higher"
    # a model without a role has no line of the paper
    assert (layout["made for"] == "own").sum() == 1 and len(layout) == 7


def test_a_model_is_not_compared_on_its_own_examples():
    models = {name: MODELS[name] for name in "ab"}
    rows = [
        transfer_row(source, target, errors=20 if source == target else 5)
        for source in models
        for target in models
    ]
    paper = published.read(PAPER / "table2.csv")
    table = table2.tidy(models, pandas.DataFrame(rows), paper, "lbfgs")
    # 25 % of 20 images, 11.2 to 46.9 %; published 48.1 % (42.1 to 54.2 %), 21.1 %
    assert list(table["paper_error_percent_is"]) == ["", "agrees", "agrees", ""]
    listing = table2.sortable(table)[""]
    assert list(listing["error %, published"]) == [
        *("100 [98.5, 100.0]", "48.1 [42.1, 54.2]"),
        *("21.1 [16.5, 26.5]", "100 [98.5, 100.0]"),
    ]
    assert "by construction" in table2.caption("", table)
    other = table2.tidy(models, pandas.DataFrame(rows), paper, "lbfgs", same_data=False)
    assert set(other["paper_error_percent_is"]) == {"other data"}
    assert table2.caption("", other) == "" and "agreement" not in table2.sortable(other)[""]
    shown = table2.layouts(other)[""]["errors in %"]
    assert list(shown) == ["ours", "published for MNIST"] * 2


def test_a_first_model_without_a_role_hides_nothing():
    models = {"own": MODELS["own"], "a": MODELS["a"]}
    rows = [transfer_row(source, target, errors=5) for source in models for target in models]
    table = table2.tidy(
        models, pandas.DataFrame(rows), published.read(PAPER / "table2.csv"), "lbfgs"
    )
    layout = table2.layouts(table)[""]
    assert layout.iloc[2]["errors in %"] == "published"
    assert layout.iloc[2]["av. distortion"] == "0.14"
    assert "nan" not in formats.markdown(layout)


def test_names_that_look_like_numbers_stay_names(tmp_path):
    frame = pandas.DataFrame({"model": ["100", "nan", "1e-4"], "distortion_mean": [1, None, 3]})
    write_table(tmp_path / "t.csv", frame)
    again = read_table(tmp_path / "t.csv")
    assert list(again["model"]) == ["100", "nan", "1e-4"]
    assert again["distortion_mean"].isna().tolist() == [False, True, False]


def pooled(*layers, hidden, **more):
    return {"adversarial": {"layers": list(layers)} | more, "options": {"hidden": hidden}}


def test_ways_to_train_are_named_in_words():
    words = [
        ({"weight_decay": []}, "none"),
        ({"weight_decay": [1e-5, 0], "options": {"dropout": 0.1}}, "weight decay; dropout 0.1"),
        ({"adversarial": {"layers": []}}, "pools at all layers"),
        (pooled("input", "hidden1", hidden=[5, 5]), "pools at input, hidden1"),
        (pooled("input", "hidden1", hidden=[5]), "pools at all layers"),
        (pooled("input", hidden=[5], random=True), "pools of noise at input"),
        ({"contraction": {"constant": 2.0}}, "constant at most 2"),
    ]
    for entry, expected in words:
        assert cures.regularisation(entry) == expected


def test_cures_have_a_row_for_each_model(attacks):
    errors = {"a": 4, "b": 6, "own": 8}
    transfers = [
        transfer_row(source, target, seed=seed, input=kind, errors=count + seed)
        for source in MODELS
        for target, number in errors.items()
        for seed in (0, 1)
        for kind, count in (("distorted", number), ("matched_noise", number // 2), ("clean", 0))
    ]
    metrics = {name: [{"errors": {"test": counts(k, 40)}} for k in (1, 2)] for name in MODELS}
    constants = {
        name: [{"upper": 3.0, "lower": 2.0}, {"upper": 5.0, "lower": 2.5}] for name in errors
    }
    renamed = attacks.replace({"attack": {"other": "an-other.1"}})
    table = cures.tidy(MODELS, metrics, constants, renamed, pandas.DataFrame(transfers))
    row = table.set_index("model").loc["a"]
    assert (row["test_n"], row["test_count"], row["seeds"]) == (80, 3, 2)
    assert row["distortion_lbfgs"] == pytest.approx(0.055)
    assert row["distortion_an-other.1"] == pytest.approx(0.056)
    assert (row["certified"], row["jacobian"], row["ratio"]) == (4.0, 2.25, 2.0)
    # the others alone: (6 + 8) / 2 and one more in the second seed, of 20
    assert row["transfer_percent"] == pytest.approx(100 * (7 + 8) / 40)
    # each image counts once a seed, however many other models there are
    assert row["transfer_n"] == 40 and row["transfer_low"] < row["transfer_percent"]
    assert row["noise_percent"] == pytest.approx(100 * (3.5 + 4.5) / 40)
    layout = cures.layout(table)
    assert layout["ratio"][0] == "2" and layout["distortion, an-other.1"][0].startswith("0.0560 [")
    assert layout["n"][0] == "80"
    endless = table.assign(certified=np.inf, ratio=np.inf)
    assert cures.layout(endless)["certified"][0] == "no constant"
    assert cures.layout(endless)["ratio"][0] == "" and "all 2 seeds" in cures.caption(table)
    assert "A & co" in formats.markdown(layout)
