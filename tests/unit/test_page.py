"""The page: what it holds, and what its facts say."""

import base64
import importlib.metadata
import subprocess
from types import SimpleNamespace

import jinja2
import pandas
import pytest
from repository import ROOT

import intriguing
from intriguing.report import formats, page
from intriguing.report.page import Artifacts, commit_of, facts_of, render

TEMPLATE = ROOT / "resources" / "page.html.j2"
DATA = SimpleNamespace(settings={"dataset": "digits", "digest": "abc123", "seed": 7})
ATTACK = {
    "method": "lbfgs",
    "count": 64,
    "split": "train",
    "targets": {"class": "0"},
    "margin": 1e-4,
}


@pytest.fixture
def artifacts(tmp_path):
    def figure(name):
        (tmp_path / f"{name}.png").write_bytes(b"\x89PNG " + name.encode())
        return tmp_path / f"{name}.png"

    def table(name):
        path = tmp_path / f"{name}.html"
        path.write_text(f"<table><tr><td>{name} of A &amp; co</td></tr></table>\n")
        return path

    return Artifacts(
        tables={name: table(name) for name in page.TABLES},
        figures={name: figure(name) for name in page.FIGURES},
        galleries={"B < A": figure("b"), "A & co": figure("a")},
        paper_figures={"figure5": figure("figure5"), "figure7": figure("figure7")},
        filters={"QuocNet": figure("filters")},
    )


def embedded(name):
    return base64.b64encode(b"\x89PNG " + name.encode()).decode()


def test_page_is_self_contained_and_escapes(artifacts):
    text = render(TEMPLATE, "T & t", artifacts, facts_of(DATA, ATTACK))
    assert "<h1>T &amp; t</h1>" in text and "B &lt; A" in text and "A &amp; co" in text
    for name in page.TABLES:
        assert f"<td>{name} of A &amp; co</td>" in text
    for name in (*page.FIGURES, "a", "b", "figure5", "figure7", "filters"):
        assert text.count(embedded(name)) == 1
    assert "http://" not in text and "https://" not in text


def test_galleries_keep_their_order_and_figures_have_names(artifacts):
    text = render(TEMPLATE, "T", artifacts, facts_of(DATA, ATTACK))
    assert text.index(embedded("b")) < text.index(embedded("a"))
    for name in ("Figure 5", "Figure 7", "Filters of QuocNet", "Adversarial examples for B &lt; A"):
        assert f'alt="{name}"' in text


def test_sections_without_figures_are_left_out(artifacts):
    bare = Artifacts(artifacts.tables, artifacts.figures)
    headings = ("Figures 5 to 7 of the paper", "Filters learnt without labels")
    for shown, number in ((artifacts, 1), (bare, 0)):
        text = render(TEMPLATE, "T", shown, facts_of(DATA, ATTACK))
        assert [text.count(heading) for heading in headings] == [number, number]


def test_cures_are_shown_where_a_model_has_one(artifacts, tmp_path):
    heading = "<h2>Adversarial and contractive training</h2>"
    assert heading not in render(TEMPLATE, "t", artifacts, facts_of(DATA, ATTACK))
    (tmp_path / "cures.html").write_text("<table><tr><td>pools</td></tr></table>")
    artifacts.tables["cures"] = tmp_path / "cures.html"
    text = render(TEMPLATE, "t", artifacts, facts_of(DATA, ATTACK))
    assert heading in text and "<td>pools</td>" in text


def test_facts_name_data_attack_and_versions(artifacts):
    text = render(TEMPLATE, "T", artifacts, facts_of(DATA, ATTACK))
    assert "digits, SHA-256 of the arrays abc123" in text
    assert "64 of split train, drawn with seed 7" in text
    assert "lbfgs, target rule class 0, margin 0.0001 in logits" in text
    torch, numpy = (importlib.metadata.version(name) for name in ("torch", "numpy"))
    versions = f"intriguing {intriguing.__version__}, torch {torch}, numpy {numpy}"
    assert f"<dd>{versions}</dd>" in text
    text = render(TEMPLATE, "T", artifacts, facts_of(DATA, ATTACK, commit="0123456789ab"))
    assert f"<dd>{versions}, commit 0123456789ab</dd>" in text


def test_the_commit_of_a_checkout(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    assert commit_of(tmp_path) == ""
    (tmp_path / "file").write_text("1")
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    assert commit_of(tmp_path) == head[:12]
    (tmp_path / "file").write_text("2")
    assert commit_of(tmp_path) == f"{head[:12]}-dirty"


def test_a_template_that_names_what_is_not_there_fails(artifacts, tmp_path):
    (tmp_path / "t.j2").write_text("{{ tables.table9 }}")
    with pytest.raises(jinja2.UndefinedError, match="table9"):
        render(tmp_path / "t.j2", "T", artifacts, {})


def test_a_rendered_table_is_shown_as_it_is(artifacts, tmp_path):
    table = formats.html_table(pandas.DataFrame({"model": ["A & co"], "n": [3]}))
    (tmp_path / "table1.html").write_text(table)
    text = render(TEMPLATE, "T", artifacts, facts_of(DATA, ATTACK))
    assert table in text and "A &amp; co" in text
