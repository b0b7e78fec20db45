"""What each table and figure of the report imports: an edit reruns what shows it, fast."""

import json
import subprocess
import sys

import pytest
from repository import ROOT

from intriguing.provenance import imported_modules

REPORT = {
    "table1": {"basis", "cells", "formats", "published", "table1"},
    "table2": {"basis", "cells", "formats", "published", "table2"},
    "table5": {"cells", "formats", "published", "table5"},
    "distortion": {"cells", "distortion", "formats"},
    "certificates": {"cells", "certificates", "formats"},
    "heatmap": {"canvas", "heatmap"},
    "layers_figure": {"canvas", "cells", "layers_figure"},
    "instability": {"canvas", "instability"},
    "gallery": {"canvas", "gallery"},
    "galleries": {"canvas", "gallery"},
    "figure7": {"canvas", "figure7"},
    "filters": {"canvas", "filters"},
    "page": {"page"},
    "collect": set(),
}
# in this order: what is loaded stays loaded
HEAVY = {
    "basis cells formats published table1 table2 table5 distortion certificates": [],
    "page": ["jinja2"],
    "canvas figure7 gallery filters layers_figure instability": ["jinja2", "matplotlib"],
    "heatmap": ["jinja2", "matplotlib", "matplotlib.pyplot", "seaborn"],
}


@pytest.mark.parametrize("script", REPORT)
def test_a_script_imports_what_it_shows(script):
    modules = imported_modules(ROOT / "scripts" / f"{script}.py")
    package = "intriguing.report."
    assert {name.removeprefix(package) for name in modules if name.startswith(package)} == REPORT[
        script
    ]
    if script != "filters":  # which reads and builds networks
        rooms = {name.split(".")[1] for name in modules if "." in name}
        assert not rooms & {"stages", "attacks", "lipschitz", "networks", "training"}


def test_heavy_libraries_are_loaded_where_they_are_needed():
    code = f"""
import importlib, json, sys
heavy = ("torch", "jinja2", "matplotlib", "matplotlib.pyplot", "seaborn")
loaded = []
for names in {list(HEAVY)}:
    for name in names.split():
        importlib.import_module("intriguing.report." + name)
    loaded.append([name for name in heavy if name in sys.modules])
print(json.dumps(loaded))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert json.loads(run.stdout) == list(HEAVY.values())
