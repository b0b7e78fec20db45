"""Every message that docs/faq.md quotes is one that the code can give."""

import ast
import re

import pytest
import snakemake
from repository import ROOT

PAGE = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^> (.*)$", PAGE, re.M)
FOREIGN = "Error: Directory cannot be locked."
# what differs from case to case, in the page
ANY = "…"


@pytest.fixture(scope="module")
def sentences():
    """Texts of the package and the Makefile, with `ANY` for what is filled in."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    # strings of its Python that follow each other are one
    texts = re.sub(r'"\s+f?"', "", makefile).splitlines()
    for path in (ROOT / "src" / "intriguing").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(part, "value", None) for part in node.values)
                texts.append("".join(p if isinstance(p, str) else ANY for p in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


@pytest.mark.parametrize("message", [m for m in MESSAGES if m != FOREIGN])
def test_the_message_exists(message, sentences):
    parts = [re.escape(part) for part in message.split(ANY) if part.strip()]
    pattern = re.compile(".{0,200}".join(parts))
    assert any(pattern.search(text) for text in sentences), message


def test_the_message_of_snakemake():
    source = ROOT.joinpath(snakemake.__file__).with_name("exceptions.py").read_text()
    assert FOREIGN in MESSAGES and FOREIGN.rstrip(".") in source


def test_each_message_has_an_answer():
    for message, answer in re.findall(r"^> (.*)\n\n(.*)", PAGE, re.M):
        assert answer and not answer.startswith((">", "#")), message
