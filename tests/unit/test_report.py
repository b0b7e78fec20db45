import base64

import numpy as np
import pandas
import pytest
from repository import ROOT
from scipy.stats import binomtest

from intriguing.artifacts.files import read_table, write_table
from intriguing.report import canvas as figures
from intriguing.report import cells as tables
from intriguing.report import page, published

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
def table1(attacks):
    runs = {
        name: [
            {"trained_on": "P1", "errors": {"P1": counts(3 * k, 50), "test": counts(k, 40)}}
            for k in (1, 2)
        ]
        for name in MODELS
    }
    return tables.table1(MODELS, runs, attacks, published.read(PAPER / "table1.csv"), "lbfgs")


def counts(errors, number):
    return {"errors": errors, "n": number}


@pytest.fixture(scope="module")
def table2():
    rows = []
    for source, attack in [(name, "lbfgs") for name in MODELS] + [("noise0.1", "gaussian_noise")]:
        for k, target in enumerate(MODELS):
            for kind in ("distorted", "clean", "matched_noise"):
                if kind == "matched_noise" and attack == "gaussian_noise":
                    continue
                errors = {"distorted": 10 + k, "clean": k, "matched_noise": 2 + k}[kind]
                rows.append(
                    {
                        "attack": attack,
                        "made_for": source,
                        "seed": 0,
                        "input": kind,
                        "target": target,
                        "n": 20,
                        "errors": errors,
                        "distortion_mean": 0.0 if kind == "clean" else 0.07,
                    }
                )
    return tables.table2(
        MODELS, pandas.DataFrame(rows), published.read(PAPER / "table2.csv"), "lbfgs"
    )


def test_published_values_carry_intervals():
    paper = published.read(PAPER / "table2.csv").set_index(["made_for", "target"])
    cell = paper.loc[("FC200-200-10", "FC100-100-10")]
    expected = binomtest(52, 256).proportion_ci(method="wilson")
    assert cell["error_percent"] == 20.3
    assert cell["error_low"] == pytest.approx(100 * expected.low, abs=0.05)
    assert cell["error_high"] == pytest.approx(100 * expected.high, abs=0.05)
    assert set(paper["tag"]) == {"S"}
    assert len(paper) == 8 * 6


def test_table1_pools_seeds_and_joins_the_paper(table1):
    row = table1.set_index("model").loc["a"]
    assert row["train_n"] == 100 and row["train_count"] == 9 and row["train_percent"] == 9
    assert row["test_percent"] == pytest.approx(100 * 3 / 80)
    assert row["test_low"] < row["test_percent"] < row["test_high"]
    assert row["success_count"] == 35 and row["success_n"] == 36
    assert row["distortion"] == pytest.approx(0.055)
    assert row["paper_test_percent"] == 20
    assert list(table1["model"]) == list(MODELS)
    assert tables.table1_layout(table1).iloc[0][""] == "ours, n = 100 / 80"
    assert pandas.isna(table1.set_index("model").loc["own", "paper_distortion"])


def test_distortion_has_a_row_for_each_attack_of_each_model(attacks):
    table = tables.distortion(MODELS, attacks, ["other", "lbfgs"])
    assert list(table["attack"][:2]) == ["other", "lbfgs"] and len(table) == 6
    first = table.iloc[0]
    # seeds pooled: 18 and 17 of 18 each, means 0.051 and 0.061
    assert (first["success_count"], first["success_n"], first["seeds"]) == (35, 36, 2)
    assert first["distortion"] == pytest.approx((0.051 + 0.061) / 2)
    assert first["distortion_low"] < first["distortion"] < first["distortion_high"]
    assert first["evaluations"] == 21
    layout = tables.distortion_layout(table)
    assert layout.iloc[0]["found"] == "35/36 in 2 seeds"
    assert list(layout["margin"][:2]) == ["0.0001, 256 levels", "0.0001"]
    assert "A & co" in tables.to_markdown(layout)


def test_table2_has_a_cell_for_each_pair_and_control(table2):
    assert len(table2) == 4 * 3
    cell = table2.set_index(["made_for", "target"]).loc[("b", "a")]
    assert cell["error_n"] == 20 and cell["error_percent"] == 50
    expected = binomtest(10, 20).proportion_ci(method="wilson")
    assert cell["error_low"] == pytest.approx(100 * expected.low)
    assert cell["matched_noise_percent"] == 10 and cell["clean_percent"] == 0
    assert cell["paper_error_percent"] == 21.1
    noise = table2.set_index(["made_for", "target"]).loc[("noise0.1", "b")]
    assert noise["paper_error_percent"] == 0 and noise["matched_noise_n"] == 0
    assert list(dict.fromkeys(table2["made_for"])) == [*MODELS, "noise0.1"]


def test_the_same_numbers_stand_in_every_format(table1, table2):
    for layout in (
        tables.table1_layout(table1),
        tables.table2_layout(table2),
        tables.control_layout(table2),
    ):
        numbers = [
            cell for row in layout.astype(str).to_numpy() for cell in row if "[" in cell and cell
        ]
        formats = {
            "md": tables.to_markdown(layout),
            "tex": tables.to_latex(layout),
            "html": tables.to_html(layout),
        }
        for name, text in formats.items():
            assert "nan" not in text.lower(), name
            for number in numbers:
                assert number in text, (name, number)
        assert "\\toprule" in formats["tex"] and "A \\& co" in formats["tex"]
        assert formats["html"].count("<tr") == len(layout) + 1
        assert formats["html"].count("<td") == layout.size


def test_layout_of_a_cell(table2):
    layout = tables.table2_layout(table2)
    assert layout.iloc[0]["A & co"] == "50.0 [29.9, 70.1]"
    assert layout.iloc[1]["A & co"] == "100.0 [98.5, 100.0]"
    # a model without a role has no line of the paper
    assert (layout["made for"] == "own").sum() == 1 and len(layout) == 7


def test_a_first_model_without_a_role_hides_nothing(table2):
    models = {"own": MODELS["own"], "a": MODELS["a"]}
    rows = pandas.DataFrame(
        [
            {
                "attack": "lbfgs",
                "made_for": source,
                "input": "distorted",
                "target": target,
                "n": 20,
                "errors": 5,
                "distortion_mean": 0.07,
            }
            for source in models
            for target in models
        ]
    )
    table = tables.table2(models, rows, published.read(PAPER / "table2.csv"), "lbfgs")
    layout = tables.table2_layout(table)
    assert layout.iloc[2][""] == "paper [S]" and layout.iloc[2]["av. distortion"] == "0.14"
    assert "nan" not in tables.to_markdown(layout)


def test_names_that_look_like_numbers_stay_names(tmp_path):
    frame = pandas.DataFrame({"model": ["100", "nan", "1e-4"], "distortion_mean": [1, None, 3]})
    write_table(tmp_path / "t.csv", frame)
    again = read_table(tmp_path / "t.csv")
    assert list(again["model"]) == ["100", "nan", "1e-4"]
    assert again["distortion_mean"].isna().tolist() == [False, True, False]


def test_figures_are_pictures_and_reproducible(table2, tmp_path):
    generator = np.random.default_rng(0)
    for channels in (1, 3):
        originals = generator.random((3, channels, 8, 8))
        distorted = np.clip(originals + 0.05, 0, 1)
        for name in ("one.png", "two.png"):
            figures.gallery(
                *(originals, distorted, [0, 1, 2], [1, 2, 0], [0.05] * 3, tmp_path / name),
                title="t",
                class_names=["x", "y", "z"],
            )
        first, second = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
        assert first == second and first.startswith(b"\x89PNG")
    figures.transfer_heatmap(table2, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_an_empty_gallery_is_drawn(tmp_path):
    nothing = np.zeros((0, 1, 8, 8))
    figures.gallery(
        *(nothing, nothing, [], [], [], tmp_path / "none.png"), title="t", class_names=[]
    )
    assert (tmp_path / "none.png").is_file()


def test_page_is_self_contained_and_escapes(tmp_path, table1):
    (tmp_path / "t.html").write_text(tables.to_html(tables.table1_layout(table1)))
    (tmp_path / "f.png").write_bytes(b"\x89PNG picture")
    sections = [page.Section("One", "a < b", (tmp_path / "t.html",), (tmp_path / "f.png",))]
    text = page.render(ROOT / "resources" / "page.html.j2", "T & t", sections, {"data": "x"})
    assert "T &amp; t" in text and "a &lt; b" in text and "A &amp; co" in text
    assert base64.b64encode(b"\x89PNG picture").decode() in text
    assert "http://" not in text and "https://" not in text
