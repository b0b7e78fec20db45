"""Where data sets lie, and what a folder of images holds. Knows nothing of torch."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT_VARIABLE = "INTRIGUING_DATA_ROOT"


def resolved(root: str | Path | None = None) -> Path:
    """Folder of the data sets: the environment variable, else ``root``, else ``data``."""
    return Path(os.environ.get(ROOT_VARIABLE) or root or "data").expanduser()


def contents_hash(folder: str | Path) -> str:
    """Hash of the names, sizes and times of all files below a folder; ``missing`` without it.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return "missing"
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]
