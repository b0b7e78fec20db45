"""Where data sets lie, and what a folder of images holds. Knows nothing of torch."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT_VARIABLE = "INTRIGUING_DATA_ROOT"
# the name of a data set of your own images
OWN = "image_folder"


def resolved(name: str, root: str | Path | None = None) -> Path:
    """Folder that holds a data set.

    Parameters
    ----------
    name : str
        Of the published sets many experiments share one copy: the environment variable takes
        precedence over ``root``. Your own images are where their experiment says: ``root`` takes
        precedence over the variable.
    root : path, optional
        Without it and the variable: ``data``.
    """
    variable = os.environ.get(ROOT_VARIABLE)
    first, second = (root, variable) if name == OWN else (variable, root)
    return Path(first or second or "data").expanduser()


def image_folder(root: str | Path | None, folder: str | Path) -> Path:
    """Folder of your own images: ``folder``, which may be absolute, under the root."""
    return resolved(OWN, root) / Path(folder).expanduser()


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
