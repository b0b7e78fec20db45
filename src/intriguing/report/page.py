"""One HTML page with every table and figure, readable without a network."""

import base64
from dataclasses import dataclass
from pathlib import Path

import jinja2


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph, and what it introduces: HTML tables and PNG figures (paths)."""

    title: str
    text: str = ""
    tables: tuple = ()
    figures: tuple = ()


def render(template, title, sections, facts):
    """Fill in the template.

    Parameters
    ----------
    template : path
        Jinja2 template with ``title``, ``sections`` and ``facts``.
    sections : sequence of Section
    facts : dict of str to str
        What the page rests on, shown at its end.

    Returns
    -------
    str
        HTML with the figures inside.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    filled = [
        {
            "title": section.title,
            "text": section.text,
            "tables": [Path(path).read_text(encoding="utf-8") for path in section.tables],
            "figures": [_embedded(path) for path in section.figures],
        }
        for section in sections
    ]
    source = Path(template).read_text(encoding="utf-8")
    return environment.from_string(source).render(title=title, sections=filled, facts=facts)


def _embedded(path):
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return {"source": f"data:image/png;base64,{data}", "name": " ".join(Path(path).parts[-2:])}
