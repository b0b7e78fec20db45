"""The bundle for a paper: a ZIP whose bytes depend on its contents alone, and its LaTeX."""

import re
import zipfile

import pandas
import pytest
import yaml
from repository import ROOT

from intriguing import experiment
from intriguing.experiment import catalogue, paths
from intriguing.report import bundle, formats

CAPTIONS = ROOT / "workflow" / "report"
CHOSEN = {"transfer": [("", "transfer")], "gallery": [("A_1", "gallery/x/a"), ("B", "gallery/x/b")]}


@pytest.fixture
def results(tmp_path):
    """A table and some figures, in folders as those of an experiment."""

    class Paths:
        csv, md, tex, html = (str(tmp_path / f"tables/table1.{form}") for form in paths.FORMATS)

    rows = pandas.DataFrame({"model": ["A_1", "B & C"], "error %": ["1", "2"]})
    formats.write(rows, {"": rows}, "100 % of ours.", Paths)
    for figures in CHOSEN.values():
        for _, stem in figures:
            for form in bundle.FIGURE_FORMATS:
                path = tmp_path / f"figures/{stem}.{form}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(f"{stem} as {form}".encode())
    return tmp_path


def contents(results, title="On 8×8 digits & more", caption="Errors in %."):
    captions = dict.fromkeys(["table1", *CHOSEN], caption)
    figures = {
        name: [(shown, results / "figures" / stem) for shown, stem in several]
        for name, several in CHOSEN.items()
    }
    return bundle.Contents(title, captions, {"table1": results / "tables" / "table1"}, figures)


def test_a_bundle_has_everything_and_the_same_bytes(results):
    for name in ("one.zip", "two.zip"):
        bundle.write(contents(results), results / name)
    assert (results / "one.zip").read_bytes() == (results / "two.zip").read_bytes()
    with zipfile.ZipFile(results / "one.zip") as archive:
        entries = archive.infolist()
        assert archive.read("figures/gallery/x/b.pdf") == b"gallery/x/b as pdf"
        assert archive.read("tables/table1.csv") == (results / "tables/table1.csv").read_bytes()
        assert archive.read("captions/transfer.txt") == b"Errors in %.\n"
    names = [entry.filename for entry in entries]
    assert names == sorted(names) and {entry.date_time for entry in entries} == {
        (1980, 1, 1, 0, 0, 0)
    }
    figures = {f"figures/{n}.{f}" for n in ("transfer", "gallery/x/a") for f in ("pdf", "png")}
    assert figures | {"README.txt", "paper.tex", "tables/table1.tex"} < set(names)


def test_the_document_shows_what_is_there(results):
    bundle.write(contents(results), results / "paper.zip")
    with zipfile.ZipFile(results / "paper.zip") as archive:
        document = archive.read("paper.tex").decode()
        shown = re.findall(r"\\(?:input|includegraphics)\{([^}]+)\}", document)
        assert set(shown) <= set(archive.namelist())
        # with the line below the table
        assert r"100 \% of ours." in archive.read("tables/table1.tex").decode()
    assert len(shown) == 4
    assert balanced(document)
    assert r"\title{On 8$\times$8 digits \& more}" in document
    assert r"\captionof{table}{Errors in \%.}" in document
    labels = re.findall(r"\\label\{([^}]+)\}", document)
    assert labels == ["figure:transfer", "figure:gallery", "figure:gallery-2", "table:table1"]
    assert r"As Figure~\ref{figure:gallery}. Shown: B." in document and r"Shown: A\_1." in document


def balanced(text):
    """Whether every environment, and every brace that is not escaped, is closed."""
    begun = re.findall(r"\\begin\{(\w+)\}", text)
    ended = re.findall(r"\\end\{(\w+)\}", text)
    braces = re.sub(r"\\[{}]", "", text)
    return sorted(begun) == sorted(ended) and braces.count("{") == braces.count("}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % of A_1 & B #2 at $3", r"50 \% of A\_1 \& B \#2 at \$3"),
        ("{x}^2 ~ a\\b", r"\{x\}\textasciicircum{}2 \textasciitilde{} a\textbackslash{}b"),
    ],
)
def test_words_are_escaped(text, expected):
    assert formats.latex_text(text) == expected


def test_characters_that_pdflatex_lacks_are_declared():
    declared = bundle.declared_characters("déjà vu “50–60” × − → 猫")
    assert declared.splitlines() == [
        r"\DeclareUnicodeCharacter{2192}{\ensuremath{\rightarrow}}",
        r"\DeclareUnicodeCharacter{2212}{\ensuremath{-}}",
        r"\DeclareUnicodeCharacter{732B}{\texttt{U+732B}}",
    ]


def entries():
    return {**catalogue.TABLES, **catalogue.FIGURES}


def test_every_table_and_figure_has_a_caption_and_every_caption_something_to_show():
    expected = {*entries(), "page", "workflow"}
    assert {path.stem for path in CAPTIONS.iterdir()} == expected


@pytest.mark.parametrize("name", entries())
def test_a_caption_is_plain_text_of_some_sentences(name):
    text = bundle.read_caption(CAPTIONS / f"{name}.rst")
    # neither reStructuredText nor Jinja, which a report of Snakemake would make of it
    assert not re.search(r"[`*|{}<>\\]|\w_\b|::|\.\. ", text)
    assert 2 <= len(re.findall(r"\.(?: |$)", text)) <= 5 and len(text) > 150
    assert text.endswith(".") and text.isprintable()


def test_the_catalogue_names_what_experiments_show():
    tables = {
        *paths.TABLES,
        *paths.TABLES_OF_HALVES,
        *paths.TABLES_OF_CURES,
        *paths.TABLES_OF_UNITS,
    }
    assert set(catalogue.TABLES) == tables
    figures = {*paths.FIGURES, *paths.FIGURES_OF_THE_PAPER, *paths.FIGURES_OF_UNITS}
    shown = {entry.file for entry in catalogue.FIGURES.values()}
    assert shown == {*figures, "gallery", "filters"}


def test_a_role_of_the_paper_is_not_promised_to_everyone():
    # published values are shown for models with a role alone
    for name in entries():
        text = bundle.read_caption(CAPTIONS / f"{name}.rst")
        if re.search(r"\bpublished values?\b", text, re.I):
            assert re.search(
                r"[Ww]here the|, where there|if the experiment|no published|of an", text
            )


def test_smoke_has_everything_but_the_figures_of_the_paper():
    smoke = yaml.safe_load((ROOT / "config/experiments/smoke.yaml").read_text())
    read = experiment.read(
        ROOT / "config/experiments/smoke.yaml", ROOT / "workflow/schemas/experiment.schema.yaml"
    )
    assert set(paths.bundled_tables(read)) == set(catalogue.TABLES)
    figures = paths.bundled_figures(read)
    assert set(catalogue.FIGURES) - set(figures) == {"figure5", "figure6", "figure7", "filters"}
    labels = [smoke["models"][name]["label"] for name in ("fc10", "fc100", "ae400")]
    assert [shown for shown, _ in figures["gallery"]] == labels
    files = paths.files_of_bundled_figures(read)
    assert "results/smoke/figures/units" in files and "results/smoke/figures/units.pdf" in files
    assert not any(path.endswith(".svg") for path in files)
