"""Files inside the page: images and downloads as ``data:`` addresses, drawings as SVG."""

from __future__ import annotations

import base64
import re
from html import escape
from pathlib import Path

from markupsafe import Markup

from intriguing.report.colours import CERTIFIED, INK

TYPES = {".png": "image/png", ".csv": "text/csv", ".tex": "text/x-tex"}
# what a drawing names inside itself: an id, and how it is referred to
NAMES = re.compile(r'(\bid="|href="#|url\(#)')
# CSS pixels of a point: larger than on paper, where one reads from nearer
SCALE = 1.9
WIDTH = re.compile(r'<svg [^>]*?width="([\d.]+)pt"')


def address(path: str | Path) -> str:
    """A file as a ``data:`` address.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    return data_address(path.read_bytes(), TYPES[path.suffix])


def data_address(content: bytes, media_type: str) -> str:
    """Bytes as a ``data:`` address."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def drawing(path: str | Path, name: str, description: str) -> Markup:
    """An SVG of `report.canvas` as a part of the page.

    What has the colour `INK` takes the colour of the text around it, so that it can be read in a
    light and in a dark page.

    Parameters
    ----------
    path : path
    name : str
        Put before the identifiers in the drawing, so that they are unique in the page.
    description : str
        For readers who do not see it.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    text = Path(path).read_text(encoding="utf-8")
    size = WIDTH.search(text)
    text = text[text.index("<svg ") :].replace(INK, "currentColor")
    # dark blue cannot be seen on a dark page
    text = text.replace(CERTIFIED.lower(), f"var(--mark, {CERTIFIED})")
    text = NAMES.sub(rf"\g<1>{name}-", text)
    # an axis of a figure says nothing to a screen reader; the description does
    width = f' style="--width: {float(size[1]) * SCALE:.0f}px"' if size else ""
    title = f'<svg role="img" aria-label="{escape(description)}"{width} '
    return Markup(title + text.removeprefix("<svg "))
