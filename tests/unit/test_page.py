"""The page: what it holds, and what it says of the experiment."""

import base64
import hashlib
import io
import subprocess
import xml.etree.ElementTree as xml
from types import SimpleNamespace

import jinja2
import numpy as np
import pandas
import pytest
from PIL import Image
from repository import ROOT

from intriguing.report import canvas, claim_pictures, examples
from intriguing.report.checkout import commit_of
from intriguing.report.colours import INK
from intriguing.report.page import embed, findings, matrix, pictures, sources


def decoded(address):
    return base64.b64decode(address.partition("base64,")[2])


# ---- files inside the page


def test_an_embedded_file_is_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    address = embed.address(tmp_path / "a.csv")
    assert address.startswith("data:text/csv;base64,") and decoded(address) == b"x\n1\n"


def test_a_drawing_takes_the_colour_of_the_text_and_keeps_its_names_to_itself(tmp_path):
    path = tmp_path / "a.svg"
    with canvas.drawing(path, 2, 1) as figure:
        figure.subplots().plot([0, 1], [0, 1], "o-", label="x")
    assert INK in path.read_text()
    drawn = embed.drawing(path, "one", 'a "quoted" <line>')
    assert INK not in drawn and "currentColor" in drawn
    root = xml.fromstring(str(drawn))
    assert root.get("role") == "img" and root.get("aria-label") == 'a "quoted" <line>'
    names = [node.get("id") for node in root.iter() if node.get("id")]
    assert names and all(name.startswith("one-") for name in names)
    # what is referred to is there
    references = {
        value.split("#")[1].rstrip(")")
        for node in root.iter()
        for key, value in node.items()
        if key.endswith("href") or "url(#" in value
    }
    assert references and references <= set(names)


def test_a_table_comes_with_its_files_and_their_digest(tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    for ending in ("csv", "tex", "html"):
        (folder / f"table1.{ending}").write_text(f"as {ending}")
    table = sources.table(tmp_path, folder / "table1.html")
    assert table.html == "as html" and list(table.downloads) == ["table1.csv", "table1.tex"]
    assert decoded(table.downloads["table1.tex"]) == b"as tex"
    assert table.source.name == "tables/table1.csv"
    assert table.source.digest == hashlib.sha256(b"as csv").hexdigest()
    assert table.source.record == "digests/tables/table1.csv.sha256"


# ---- the transfer matrix


def transfer(**columns):
    """Two cells of a row: images for A, evaluated on A and on B."""
    rates = {
        name: {"n": [200, 200], "percent": percent, "low": [0.0, 15.0], "high": [100.0, 25.5]}
        for name, percent in (
            ("error", [100.0, 20.25]),
            ("matched_noise", [1.0, 2.0]),
            ("clean", [0.0, 1.5]),
            ("paper_error", [100.0, float("nan")]),
        )
    }
    table = {f"{name}_{key}": value for name, rate in rates.items() for key, value in rate.items()}
    table |= {"made_for_label": ["A", "A"], "target_label": ["A", "B"], "seeds": [2, 2]}
    table |= {"distortion": [0.05, 0.05], "paper_error_percent_is": ["agrees", ""], **columns}
    return pandas.DataFrame(table)


def test_cells_of_a_matrix_say_all_that_is_known(tmp_path):
    made = matrix.matrix(transfer(), "made_for_label")
    assert made.columns == ("A", "B") and [row.label for row in made.rows] == ["A"]
    first, second = made.rows[0].cells
    assert (first.text, first.published, first.agreement) == ("100", "100", "agrees")
    assert (second.text, second.published) == ("20", "")
    for words in (
        "Images: A. Evaluated on: B",
        "20.2 [15.0, 25.5]",
        "200 images in 2 seeds",
        "2.0",
    ):
        assert words in second.sentence
    assert "published" in first.sentence and "published" not in second.sentence


def test_a_cell_without_images_is_empty():
    nothing = float("nan")
    made = matrix.matrix(
        transfer(error_percent=[100.0, nothing], error_n=[200, 0]), "made_for_label"
    )
    assert made.rows[0].cells[1].text == "–"
    assert "No images" in made.rows[0].cells[1].sentence


def contrast(background, ink):
    """Contrast ratio of two colours, by the formula of WCAG 2."""

    def luminance(colour):
        values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(background), luminance(ink)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_cell_can_be_read():
    for percent in np.linspace(0, 100, 101):
        made = matrix.matrix(transfer(error_percent=[percent, percent]), "made_for_label")
        cell = made.rows[0].cells[0]
        ink = {"#000": "#000000", "#fff": "#ffffff"}[cell.ink]
        assert contrast(cell.background, ink) >= 4.5


# ---- adversarial examples


def test_examples_are_shown_pixel_by_pixel(monkeypatch):
    shown = examples.Examples(
        originals=np.array([[[[0.0, 1.0], [0.5, 0.25]]]]),
        adversarial=np.array([[[[0.1, 1.0], [0.4, 0.25]]]]),
        labels=np.array([1]),
        targets=np.array([0]),
        distortion=np.array([0.0707]),
        class_names=["cat", "dog"],
    )
    monkeypatch.setattr(pictures.examples, "read", lambda *_: shown)
    (example,) = pictures.of_set(None, "set", 1)
    assert (example.before, example.after, example.magnified) == ("dog", "cat", 5)
    assert example.distortion == "0.071"
    original, difference = (
        np.asarray(Image.open(io.BytesIO(decoded(one))))
        for one in (example.original, example.difference)
    )
    assert original.tolist() == [[0, 255], [128, 64]]
    # brighter is red, darker is blue
    brighter, darker = difference[0, 0].astype(int), difference[1, 0].astype(int)
    assert brighter[0] > brighter[2] and darker[2] > darker[0]


# ---- sentences


def tables(successes=(200, 100), comparable=True, low=14.0):
    return {
        "distortion": pandas.DataFrame({"success_n": [200, 100], "success_count": successes}),
        "table1": pandas.DataFrame({"distortion": [0.05, 0.114, float("nan")]}),
        "claims": pandas.DataFrame(
            {"claim": ["across models"], "effect": 18.25, "effect_low": low, "effect_high": 22.0}
        ),
        "table2": transfer().assign(made_for="A", target=["A", "B"], comparable=comparable),
    }


def test_findings_are_sentences_of_numbers():
    every, size, others = findings.findings(tables())
    assert "every one of 300 " in every and "0.05 to 0.11 per pixel" in size
    # the cell on the diagonal does not count
    assert "20.2 % of the cases" in others and "2.0 %" in others
    assert "18.2 points more, 95 % interval 14.0 to 22.0)" in others


def test_findings_do_not_claim_what_was_not_found():
    first, *_ = findings.findings(tables(successes=(200, 99)))
    assert "299 of 300 " in first and "every" not in first
    assert len(findings.findings(tables(comparable=False))) == 2
    assert "leaves open" in findings.findings(tables(low=-1.0))[-1]
    nothing = tables()
    nothing["distortion"] *= 0
    (only,) = findings.findings(nothing)
    assert "No image was attacked" in only


def test_verdicts_are_counted():
    verdicts = ["reproduced", "not", "reproduced", "not testable here", "not", "not"]
    nothing = float("nan")
    claims = pandas.DataFrame(
        {
            "verdict": verdicts,
            "effect_low": [1.0, nothing, 1.0, nothing, -1.0, -2.0],
            "effect_high": [2.0, nothing, 2.0, nothing, 1.0, -1.0],
        }
    )
    # what is contradicted, or wrong without sampling, differs from what the images leave open
    assert findings.counts(claims) == (
        "2 reproduced, 2 not reproduced, 1 not decided here, 1 not tested here."
    )


def test_each_claim_with_cases_has_a_picture(tmp_path):
    rows = [
        ("a b", 0.5, 0.1, 0.9, 0.0, "no difference", "points", False),
        ("c", 3e6, *[float("nan")] * 2, 1.0, "1", "ratio", True),
    ]
    columns = ["claim", "value", "low", "high", "line", "line_is", "axis", "log"]
    claim_pictures.draw_all(pandas.DataFrame(rows, columns=columns), tmp_path / "claims")
    assert {path.name for path in (tmp_path / "claims").iterdir()} == {"a_b.svg", "c.svg"}
    claim_pictures.draw_all(pandas.DataFrame(columns=columns), tmp_path / "claims")
    assert list((tmp_path / "claims").iterdir()) == []


# ---- the template


def test_a_template_that_names_what_is_not_there_fails():
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    source = (ROOT / "resources/page/page.html.j2").read_text()
    with pytest.raises(jinja2.UndefinedError):
        environment.from_string(source).render(facts=SimpleNamespace(title="T"))


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
