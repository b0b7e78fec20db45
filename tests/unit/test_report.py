"""What each table and figure of the report imports: an edit reruns what shows it, fast."""

import pytest
from repository import ROOT

from intriguing.provenance import imported_modules

REPORT = {
    "table1": {"basis", "cells", "formats", "published", "table1"},
    "table2": {"basis", "cells", "formats", "matrices", "published", "table2"},
    "table3": {"basis", "cells", "formats", "published", "table3"},
    "table4": {"basis", "cells", "formats", "matrices", "published", "table4"},
    "table5": {"cells", "formats", "published", "table5"},
    "distortion": {"basis", "cells", "distortion", "formats", "published"},
    "certificates": {"cells", "certificates", "formats"},
    "claims": {"cells", "claims", "formats"},
    "mistakes": {"cells", "formats", "mistakes"},
    "mistakes_figure": {"canvas", "colours", "mistakes_figure"},
    "heatmap": {"canvas", "colours", "heatmap"},
    "layers_figure": {"canvas", "cells", "colours", "layers_figure"},
    "instability": {"canvas", "cells", "certificates", "colours", "instability"},
    "gallery": {"canvas", "colours", "examples", "gallery"},
    "galleries": {"canvas", "colours", "examples", "gallery"},
    "figure7": {"canvas", "colours", "figure7"},
    "filters": {"canvas", "colours", "filters"},
    "bundle": {"bundle", "formats"},
    "claim_pictures": {"canvas", "claim_pictures", "colours"},
    "curves": {"canvas", "colours", "curves"},
    "page": {
        *(
            f"page.{name}"
            for name in ("embed", "findings", "matrix", "pictures", "render", "sources")
        ),
        *("basis", "canvas", "cells", "checkout", "claim_pictures", "colours", "examples"),
        "published",
    },
    "collect": set(),
}
# in this order: what is loaded stays loaded


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
