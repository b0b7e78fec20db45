"""What an edit makes the workflow build again: the table of CONTRIBUTING.md, by dry runs.

Everything is counted, so that both are seen: a job that ought to run again and does not, and one
that does in vain.
"""

import os
import tokenize
from collections import Counter

import pytest
from copies import SMOKE

# the models and seeds of the smoke experiment; of its attacks two are made for all of them, lbfgs
# in one job a set, nearest in two shards, and one for the models of Tables 3 and 4
MODELS, HALVED, SEEDS = 3, 2, 2
SETS, HALVED_SETS = MODELS * SEEDS, HALVED * SEEDS


def once(*rules):
    return Counter(dict.fromkeys(rules, 1))


# all but the page, which names the commit, is in the manifest; the record of the build is last
LAST = once("bundle", "page", "manifest", "build_record")
# judged by nearly all tables
CLAIMS = once("claims", "claim_pictures") | LAST
TABLE1 = once("table1") | CLAIMS
TABLE2 = once("table2", "heatmap") | CLAIMS
TRANSFERS = once("transfer_table", "mistakes", "mistakes_figure", "cures_table") | TABLE2
SETS_TABLE = once("attacks_table", "distortion", "table3", "cures_table") | TABLE1
HALVES = Counter(halves=SEEDS) | once("table4") | CLAIMS
BOUNDS = once("table5", "layers_figure") | CLAIMS
UNITS_TABLE = once("units_table", "units_figure", "rotation", "unit_images") | CLAIMS
# of one model, compared in the features of another
UNITS = Counter(units=SEEDS) | UNITS_TABLE
CERTIFICATES = once("certify", "certificates", "instability") | CLAIMS
FIGURES = once("heatmap", "mistakes_figure", "layers_figure", "instability", "galleries") | once(
    "curves", "claim_pictures"
)
FIGURES_OF_UNITS = once("units_figure", "rotation", "unit_images")


def bounds(number):
    return Counter(lipschitz=number) | BOUNDS | CERTIFICATES | once("cures_table")


# every model is a column of the matrix, so that a new one repeats it
LBFGS = Counter(attack=SETS, transfer=SEEDS) | once("galleries") | TRANSFERS | SETS_TABLE
NEAREST = Counter(attack=SETS, attack_shard=2 * SETS) | SETS_TABLE
ON_TEST = Counter(attack=HALVED_SETS) | HALVES | SETS_TABLE
NOISE = Counter(transfer_of_noise=SEEDS) | TRANSFERS


def of_models(number, halved=0):
    """Training, attacks and bounds of this many models, and all that shows any model."""
    trained = number * SEEDS
    once_a_seed = Counter(train=halved * SEEDS, attack=halved * SEEDS)
    return (
        Counter(train=trained, attack=2 * trained, attack_shard=2 * trained, transfer=SEEDS)
        + once_a_seed
        | bounds(trained)
        | NOISE
        | SETS_TABLE
        | UNITS
        | once("galleries", "curves")
        | (HALVES if halved else Counter())
    )


def both(first, second):
    """Two attacks: each has its own sets."""
    return Counter(attack=first["attack"] + second["attack"]) | first | second


ALL_MODELS = of_models(MODELS, HALVED)
EVERYTHING = ALL_MODELS | once("data")


def statement(name):
    """An edit that changes what a Python file does."""
    return lambda copy: append(copy, name, "\n_EDIT = 1\n")


def append(copy, name, text):
    path = copy.path(name)
    path.write_text(path.read_text() + text)


def replace(name, old, new):
    return lambda copy: copy.edit(name, old, new)


def layout_alone(copy):
    """Comments, empty lines, docstrings and new times, everywhere."""
    for folder in ("src", "scripts"):
        for path in copy.path(folder).rglob("*.py"):
            text = path.read_text()
            path.write_text(commented(text).replace('"""', '"""Edited. ', 1))
    for path in (copy.path("Snakefile"), *copy.path("workflow/rules").glob("*.smk")):
        path.write_text(path.read_text() + "\n# an edit\n")
    for path in copy.path("config").rglob("*.yaml"):
        path.write_text(path.read_text() + "# an edit\n")
    append(copy, f"{SOURCE}/report/figures.mplstyle", "\n# an edit\n")
    for path in copy.path("workflow/schemas").iterdir():
        path.write_text(path.read_text() + "# an edit\n")


def commented(text):
    """A Python source with a comment and an empty line after each statement."""
    lines = text.splitlines(keepends=True)
    tokens = tokenize.generate_tokens(iter(lines).__next__)
    for number in [token.start[0] for token in tokens if token.type == tokenize.NEWLINE]:
        lines[number - 1] += "    # an edit\n\n"
    return "".join(lines)


SOURCE = "src/intriguing"
TABLE = {
    "comments, docstrings, layout, times": (layout_alone, {}),
    "what only reports": (statement(f"{SOURCE}/job.py"), {}),
    "what only checks": (
        statement(f"{SOURCE}/artifacts/digests.py"),
        once("manifest", "build_record"),
    ),
    "a reader that is not used": (statement(f"{SOURCE}/datasets/cifar.py"), {}),
    "the reader that is used": (statement(f"{SOURCE}/datasets/digits.py"), EVERYTHING),
    "a network that is not used": (statement(f"{SOURCE}/networks/quocnet.py"), {}),
    "a network of one model": (statement(f"{SOURCE}/networks/autoencoder.py"), of_models(1)),
    "its training without labels": (statement(f"{SOURCE}/training/sparse_code.py"), of_models(1)),
    "adversarial training": (
        statement(f"{SOURCE}/training/layer_pools.py"),
        of_models(1),
    ),
    "a network of two models": (statement(f"{SOURCE}/networks/dense.py"), of_models(2, HALVED)),
    "training": (statement(f"{SOURCE}/training/classifier.py"), ALL_MODELS),
    "a method": (
        statement(f"{SOURCE}/attacks/penalty_method.py"),
        LBFGS | CERTIFICATES,
    ),
    "another method": (
        statement(f"{SOURCE}/attacks/boundary.py"),
        both(NEAREST, ON_TEST) | CERTIFICATES,
    ),
    "both methods": (
        statement(f"{SOURCE}/attacks/penalty_path.py"),
        both(both(LBFGS, NEAREST), ON_TEST) | CERTIFICATES,
    ),
    "transfers": (
        statement(f"{SOURCE}/stages/transfer.py"),
        Counter(transfer=SEEDS) | NOISE | HALVES,
    ),
    "noise": (statement(f"{SOURCE}/stages/noise.py"), NOISE | HALVES),
    "Table 4": (statement(f"{SOURCE}/stages/halves.py"), HALVES),
    "what Table 4 amplifies to": (replace(SMOKE, "amplified: 0.25", "amplified: 0.3"), HALVES),
    "bounds": (statement(f"{SOURCE}/lipschitz/dense.py"), bounds(SETS)),
    "directions": (statement(f"{SOURCE}/units/families.py"), UNITS),
    "the effect of units": (
        statement(f"{SOURCE}/units/effects.py"),
        UNITS_TABLE - once("unit_images"),
    ),
    "the number of top images": (replace(SMOKE, "k: 5", "k: 6"), UNITS),
    "radii": (statement(f"{SOURCE}/lipschitz/certificate.py"), CERTIFICATES),
    "a table": (statement(f"{SOURCE}/report/table2.py"), TABLE2),
    "a claim": (statement(f"{SOURCE}/claims/paper.py"), CLAIMS),
    # the page has a matrix of its own
    "a figure": (statement(f"{SOURCE}/report/heatmap.py"), once("heatmap") | LAST - once("page")),
    "the style of all figures": (
        replace(f"{SOURCE}/report/figures.mplstyle", "font.size: 7", "font.size: 8"),
        FIGURES | FIGURES_OF_UNITS | LAST,
    ),
    "the bundle": (
        statement(f"{SOURCE}/report/bundle.py"),
        once("bundle", "manifest", "build_record"),
    ),
    "a caption": (lambda copy: append(copy, "workflow/report/table1.rst", "\n"), LAST),
    "the page": (statement(f"{SOURCE}/report/page/render.py"), once("page", "build_record")),
    "the template of the page": (
        replace("resources/page/page.html.j2", "<body>", "<body >"),
        once("page", "build_record"),
    ),
    "how a build is recorded": (
        statement(f"{SOURCE}/report/build_record.py"),
        once("build_record"),
    ),
    "published values": (
        lambda copy: append(copy, "resources/paper/table1.csv", "\n"),
        TABLE1,
    ),
    "a script": (statement("scripts/table5.py"), BOUNDS),
    "the script of a set in one job": (
        statement("scripts/attack.py"),
        both(LBFGS, ON_TEST) | CERTIFICATES,
    ),
    "the script of a shard": (statement("scripts/attack_shard.py"), NEAREST | CERTIFICATES),
    # which are removed once joined
    "the script that joins shards": (statement("scripts/merge.py"), NEAREST | CERTIFICATES),
    "a new name in the registry": (
        replace(f"{SOURCE}/registry.toml", "[architectures]", '[architectures]\nx = "y:z"\n#'),
        {},
    ),
    "the entry of a model": (replace(SMOKE, "{hidden: [12]}", "{hidden: [13]}"), of_models(1)),
    "the label of a model": (
        replace(SMOKE, "label: FC12-10", "label: renamed"),
        TABLE1
        | TABLE2
        | BOUNDS
        | once("certificates", "instability", "distortion", "galleries", "curves")
        | once("mistakes", "mistakes_figure", "cures_table")
        | UNITS_TABLE,
    ),
    # the same images are distorted, hidden by noise, and where the bounds are looked at
    "the sample of the attack that is shown": (
        replace(SMOKE, "count: 60", "count: 50"),
        LBFGS | NOISE | bounds(SETS),
    ),
    "the sample of another attack": (
        replace(SMOKE, "targets: any\n    count: 60", "targets: any\n    count: 50"),
        NEAREST | CERTIFICATES,
    ),
    "the number of shards": (
        replace(SMOKE, "shards: 2", "shards: 3"),
        NEAREST | Counter(attack_shard=3 * SETS) | CERTIFICATES,
    ),
}


@pytest.fixture(scope="module")
def common(built, tmp_path_factory):
    """One copy for all rows of the table that this process tries."""
    return built.duplicate(tmp_path_factory.mktemp("edited") / "repository")


@pytest.fixture
def edited(common):
    """The common copy, whose files are put back afterwards, with their times."""
    before = {path: (path.read_bytes(), path.stat()) for path in common.sources()}
    try:
        yield common
    finally:
        for path, (content, found) in before.items():
            if path.stat().st_mtime_ns != found.st_mtime_ns:
                path.write_bytes(content)
                os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize("row", TABLE)
def test_an_edit_repeats_what_depends_on_it_and_nothing_else(edited, row):
    edit, expected = TABLE[row]
    edit(edited)
    assert edited.planned("smoke") == dict(expected)
