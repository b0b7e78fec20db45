"""What the site adds to Sphinx: math as MathML, blocks of Mermaid and Snakemake, pages of modules.

A browser draws MathML itself, where Sphinx's own renderers need a script or LaTeX.
"""

import importlib
import pkgutil
import re
from pathlib import PurePath

from docutils import nodes
from docutils.utils.math import latex2mathml
from pygments.lexers.python import PythonLexer
from sphinx.directives.code import CodeBlock
from sphinx.util.docutils import SphinxDirective


def inline_math(translator, node):
    translator.body.append(latex2mathml.tex2mathml(node.astext()))
    raise nodes.SkipNode


def displayed_math(translator, node):
    markup = latex2mathml.tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="math">{markup}</div>')
    raise nodes.SkipNode


class Mermaid(CodeBlock):
    """A drawing, which GitHub shows as such, by its text: there is no renderer without a script."""

    required_arguments = 0

    def run(self):
        self.arguments = ["text"]
        return super().run()


class Modules(SphinxDirective):
    """A section for each module of a package, with what it defines."""

    required_arguments = 1

    def run(self):
        (package,) = self.arguments
        path = importlib.import_module(package).__path__
        names = [f"{package}.{module.name}" for module in pkgutil.iter_modules(path)]
        text = "".join(
            f"{name}\n{'-' * len(name)}\n\n.. automodule:: {name}\n   :members:\n\n"
            for name in names
        )
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def with_title(app, name, source):
    """A page that is only a table, as a build writes it, gets a title; other pages link to it."""
    if PurePath(name).match("docs/reproduction/*/*") and not source[0].startswith("#"):
        path = PurePath(name)
        title = f"{path.parent.name}: {path.name}"
        source[0] = f"---\norphan: true\n---\n\n# {title}\n\n{source[0]}"


def with_bars(app, what, name, obj, options, lines):
    """Bars in a docstring are norms and absolute values, not reStructuredText's substitutions."""
    lines[:] = [re.sub(r"(``.*?``)|\|", lambda match: match[1] or r"\|", line) for line in lines]


def setup(app):
    app.add_html_math_renderer("mathml", (inline_math, None), (displayed_math, None))
    app.add_directive("mermaid", Mermaid)
    app.add_directive("modules", Modules)
    app.add_lexer("snakemake", PythonLexer)
    app.connect("source-read", with_title)
    app.connect("autodoc-process-docstring", with_bars)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
