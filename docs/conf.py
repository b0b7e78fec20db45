"""The documentation as a site: ``make site`` writes docs/_build/html/index.html.

The source folder is the repository itself, so that the pages are the files that GitHub shows, with
the same relative links. Nothing is fetched, neither when it is built nor when it is read.
"""

import sys
from pathlib import Path

import intriguing

# for the extension site_blocks
sys.path.insert(0, str(Path(__file__).parent))

project = "intriguing"
author = "The maintainers of intriguing"
version = release = intriguing.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "site_blocks"]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "config/README.md",
    "results/README.md",
    "docs/**",
]
# folders that Sphinx would look through, and may be large
# tables of a snapshot are as the workflow wrote them: without a title
suppress_warnings = ["toc.no_title"]
exclude_patterns = [".*", "data", "docs/_build", "results/*/**", "shared", "src", "tests"]

# ---- text: Markdown as GitHub reads it, with its math

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_fence_as_directive = ["math", "mermaid"]
html_math_renderer = "mathml"

# ---- reference: the docstrings

# a name in single backquotes is an object where Sphinx knows it, and code where it does not
default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False

# ---- look

html_theme = "furo"
html_title = f"intriguing {release}"
html_show_sourcelink = False
html_copy_source = False
html_additional_pages = {"index": "redirect.html"}
templates_path = ["_templates"]
