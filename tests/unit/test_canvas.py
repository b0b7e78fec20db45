"""The style of all figures: sizes, colours, and files that depend on the data alone."""

import itertools
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.image import imread

from intriguing.experiment import paths
from intriguing.report import (
    canvas,
    colours,
    figure7,
    filters,
    gallery,
    heatmap,
    instability,
    layers_figure,
    mistakes_figure,
    rotation,
    units_figure,
)
from intriguing.report.examples import Examples
from intriguing.report.units_table import MEASURES

SVG = "{http://www.w3.org/2000/svg}"
LABELS = ["FC10(1e-2)", "FC12-10", "AE16-10"]


def transfers():
    """A transfer matrix and its noise row."""
    rows = [
        {
            "made_for_label": source,
            "target_label": target,
            "error_percent": 33.0 * k,
            "matched_noise_percent": np.nan if source == "noise" else 3.0,
            "paper_error_percent": np.nan if source == "AE16-10" else 60.0,
        }
        for source in (*LABELS, "noise")
        for k, target in enumerate(LABELS)
    ]
    return pandas.DataFrame(rows)


def pairs():
    rows = [(label, 0.1 * k, 30.0, 20.0, 40.0, 2.0, 20.0, 10.0) for k, label in enumerate(LABELS)]
    kinds = ("error_percent", "error_low", "error_high", "noise_percent")
    names = ["made_for_label", "cosine", *kinds, "same_percent", "other_percent"]
    return pandas.DataFrame(rows, columns=names)


def distances():
    medians = {"pairwise_median": [1e-3, 0.0, 0.01], "found_median": [0.05, 0.06, np.nan]}
    return pandas.DataFrame(
        {"label": LABELS, "attack": "lbfgs", **medians, "noise_median": [0.5, 10.0, 1.0]}
        | {"noise_capped": [False, True, False]}
    )


def layers():
    row = {"network": "A", "seed": 0, "kind": "dense", "lower": 2.0, "upper": 2.1}
    methods = dict.fromkeys(layers_figure._MARKS, 2.05)
    return pandas.DataFrame([row | methods | {"layer": f"FC{k}"} for k in (1, 2)])


def images(number=3):
    originals = np.random.default_rng(0).random((number, 1, 8, 8))
    classes = np.arange(number)
    return Examples(
        originals,
        np.clip(originals + 0.05, 0, 1),
        classes,
        (classes + 1) % number,
        np.full(number, 0.05),
        [f"class {k}" for k in range(number)],
    )


def measures():
    """Units and directions of one layer, straight and turned."""
    rng = np.random.default_rng(0)
    rows = [
        {"network": "trained", "layer": "sigmoid1", "tied": False, "direction": k}
        | {"family": family, "angle": angle}
        | {measure: rng.random() for measure in MEASURES}
        for family, angle in (("units", 0), ("gaussian", 0), ("rotated", 0), ("rotated", 90))
        for k in range(8)
    ]
    return {"net": [pandas.DataFrame(rows)]}


FIGURES = {
    "heatmap": lambda files: heatmap.draw(transfers(), files),
    "mistakes": lambda files: mistakes_figure.draw(pairs(), files),
    "instability": lambda files: instability.draw(distances(), "lbfgs", files),
    "lipschitz": lambda files: layers_figure.draw(layers(), files),
    "gallery of a column": lambda files: gallery.draw(images(), files, title="t"),
    "gallery": lambda files: gallery.draw(images(10), files, title="t"),
    "figure7": lambda files: figure7.draw(
        [figure7.Panel("t", images().originals, images().adversarial)], files
    ),
    "filters": lambda files: filters.filter_figure(
        np.ones((3, 3, 4, 1, 5, 5)), np.ones((3, 3, 4, 1, 5, 5)), files, title="t"
    ),
    "units": lambda files: units_figure.draw({"net": "Net"}, measures(), files),
    "rotation": lambda files: rotation.draw({"net": "Net"}, measures(), files),
}
NARROW = ("instability", "gallery of a column", "units")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Every figure in every format, by name."""
    folder = tmp_path_factory.mktemp("figures")
    found = {}
    for name, draw in FIGURES.items():
        found[name] = {form: folder / f"{name}.{form}" for form in canvas.FORMATS}
        draw(found[name].values())
    return found


def test_a_figure_has_the_formats_that_rules_name():
    assert set(canvas.FORMATS) == set(paths.FIGURE_FORMATS) == {"png", "pdf", "svg"}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_as_wide_as_a_column_or_two(drawn, name):
    width = 3.3 if name in NARROW else 6.9
    root = ElementTree.parse(drawn[name]["svg"]).getroot()
    assert root.get("width") == f"{72 * width:g}pt"
    assert imread(drawn[name]["png"]).shape[1] == round(200 * width)
    box = re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) ", drawn[name]["pdf"].read_bytes())
    assert float(box[1]) == pytest.approx(72 * width)


def style_of(element, key):
    found = re.search(rf"(?:^|; ){key}: ([^;]+)", element.get("style", ""))
    return found and found[1]


def parts(text):
    """Where the style of a text is: powers of ten consist of parts."""
    return list(text.iter(f"{SVG}tspan")) or [text]


@pytest.mark.parametrize("name", FIGURES)
def test_what_lies_on_the_background_has_one_colour(drawn, name):
    root = ElementTree.parse(drawn[name]["svg"]).getroot()
    texts = list(root.iter(f"{SVG}text"))
    assert texts and all("".join(text.itertext()).strip() for text in texts)
    # numbers in the cells of the heat map are black, of which an SVG says nothing, or white
    fills = {style_of(part, "fill") for text in texts for part in parts(text)}
    assert fills == ({colours.INK, None, "#ffffff"} if name == "heatmap" else {colours.INK})
    strokes = {style_of(element, "stroke") for element in root.iter()}
    assert "#000000" not in strokes
    # nothing behind
    background = root.find(f".//*[@id='patch_1']/{SVG}path")
    assert style_of(background, "fill") == "none"


@pytest.mark.parametrize("name", FIGURES)
def test_text_can_be_read_and_lies_inside(drawn, name):
    root = ElementTree.parse(drawn[name]["svg"]).getroot()
    width, height = (float(root.get(side).removesuffix("pt")) for side in ("width", "height"))
    for text in root.iter(f"{SVG}text"):
        sizes = [float(style_of(part, "font-size").removesuffix("px")) for part in parts(text)]
        assert max(sizes) >= 5.5
        if text.get("x"):  # powers of ten lie where the element around them is
            assert 0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height


def test_a_pdf_has_no_date_and_fonts_that_journals_take(drawn):
    for files in drawn.values():
        content = files["pdf"].read_bytes()
        assert content.startswith(b"%PDF")
        for word in (b"Date", b"Producer", b"Creator", b"/Type3"):
            assert word not in content
        assert b"Date" not in files["png"].read_bytes()
        assert "date" not in files["svg"].read_text()


PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from test_canvas import FIGURES
for name in ("mistakes", "gallery of a column", "units"):
    FIGURES[name](f"{{sys.argv[1]}}/{{name}}.{{form}}" for form in ("png", "pdf", "svg"))
"""


def test_another_process_with_other_settings_gives_the_same_bytes(drawn, tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 20\naxes.facecolor: red\nsavefig.dpi: 30\n")
    program = PROGRAM.format(folder=os.path.dirname(__file__))
    settings = {"PYTHONHASHSEED": "7", "MATPLOTLIBRC": str(tmp_path), "SOURCE_DATE_EPOCH": "1"}
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, **settings})
    for name in ("mistakes", "gallery of a column", "units"):
        for form, path in drawn[name].items():
            assert path.read_bytes() == (tmp_path / f"{name}.{form}").read_bytes(), path.name


def test_drawing_leaves_the_settings_of_others_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    with canvas.drawing(tmp_path / "a.svg", 1, 1) as figure:
        assert matplotlib.rcParams["font.size"] == 7
        canvas.message(figure, "nothing")
    assert dict(matplotlib.rcParams) == before
    with pytest.raises(ZeroDivisionError), canvas.drawing(tmp_path / "b.svg", 1, 1):
        _ = 1 / 0
    assert not (tmp_path / "b.svg").exists()


# ---- colours

# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB
DEUTERANOPIA = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
]
PROTANOPIA = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]
TO_XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]


def linear(colour):
    values = np.array(to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(values):
    """CIE 1976 L*a*b* of linear RGB, white D65."""
    ratio = np.array(TO_XYZ) @ np.clip(values, 0, 1) / (0.95047, 1, 1.08883)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def least_distance(series, sight):
    seen = [lab(np.array(sight) @ linear(colour)) for colour in series]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.fixture(scope="module")
def style():
    return matplotlib.rc_params_from_file(canvas.STYLE, use_default_template=False)


@pytest.mark.parametrize("sight", [np.eye(3), DEUTERANOPIA, PROTANOPIA])
def test_the_colours_of_series_differ_for_everyone(style, sight):
    cycle = style["axes.prop_cycle"].by_key()["color"]
    # tab10 has colours that are 7 apart for a deuteranope; 2.3 can just be told apart
    assert least_distance(cycle, sight) > 15
    assert least_distance((colours.CERTIFIED, colours.ADVERSARIAL, colours.NOISE), sight) > 15


def test_the_style_has_the_ink_of_the_pages(style):
    inks = {key: value for key, value in style.items() if "color" in key and key != "grid.color"}
    inks = {key: value for key, value in inks.items() if not key.endswith("facecolor")}
    assert len(inks) >= 8
    assert {to_hex(value) for key, value in inks.items() if key != "legend.labelcolor"} == {
        colours.INK
    }


def test_numbers_in_cells_have_the_contrast_that_can_be_had(drawn):
    root = ElementTree.parse(drawn["heatmap"]["svg"]).getroot()
    inside = {}
    for text in root.iter(f"{SVG}text"):
        if style_of(text, "fill") != colours.INK:
            inside["".join(text.itertext())] = style_of(text, "fill")
    # pale, orange, red and nearly black cells
    assert inside == {"0": None, "3": None, "33": None, "60": "#ffffff", "66": "#ffffff"}


@pytest.mark.parametrize("limits", [(0.25, 0.6), (0.03, 0.7), (1.0, 2.0), (1e-3, 1.0), (1.0, 3e6)])
def test_labels_of_a_logarithmic_axis_do_not_run_into_each_other(limits):
    with canvas.drawing([], canvas.COLUMN, 1.5) as figure:
        axis = figure.subplots()
        axis.plot(limits, [0, 1])
        axis.set_xscale("log")
        canvas.label_logarithmic(axis.xaxis)
        figure.draw_without_rendering()
        low, high = axis.get_xlim()
        labels = [
            label.get_window_extent()
            for label in axis.get_xticklabels(which="both")
            if low <= label.get_position()[0] <= high and label.get_text()
        ]
    assert len(labels) >= 2
    assert all(first.x1 < second.x0 for first, second in itertools.pairwise(labels))
