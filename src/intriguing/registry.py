"""Objects chosen by name: what we offer (``registry.toml``) and a user's own ``module:function``.

Both are loaded by `resolve` when they are needed, so that a job imports, and its code hash covers,
only what its experiment chose.
"""

from __future__ import annotations

import pkgutil
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

TABLES = Path(__file__).with_name("registry.toml")


@cache
def table(kind: str) -> dict[str, str]:
    """References by name, in the order in which they are listed.

    Parameters
    ----------
    kind : {"architectures", "datasets", "attacks", "unsupervised", "cures", "sources"}
    """
    return tomllib.loads(TABLES.read_text(encoding="utf-8"))[kind]


def resolve(reference: str) -> Any:
    """The object of a reference ``package.module:object``, imported now.

    Raises
    ------
    ImportError, AttributeError
        If there is no such module, or no such object in it.
    """
    return pkgutil.resolve_name(reference)
