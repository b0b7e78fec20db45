"""Where data sets lie, and what a folder of images holds. Knows nothing of torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
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

    What is behind links counts as if it were there, and so does where they lead.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return "missing"
    digest = hashlib.sha256()
    paths, links = [], []
    for where, _, files in walk(folder):
        inside = [Path(where, name) for name in files]
        paths += [path for path in inside if path.is_file()]
        links += [path for path in inside if path.is_symlink()]
        # that of the folder itself may lead elsewhere as long as the same files are there
        links += [Path(where)] if Path(where) != folder and os.path.islink(where) else []
    for path in sorted(paths):
        status = path.stat()
        digest.update(_encoded(path.relative_to(folder), status.st_size, status.st_mtime_ns))
    for path in sorted(links):
        digest.update(_encoded(path.relative_to(folder), os.readlink(path)))
    return digest.hexdigest()[:16]


def _encoded(name: Path, *facts: int | str) -> bytes:
    text = "".join(f"{part}\0" for part in (name.as_posix(), *facts))
    # names are bytes to the system, not always those of a text
    return text.encode("utf-8", "surrogateescape")


def walk(
    folder: str | Path, onerror: Callable[[OSError], None] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Go through a folder and what links in it lead to, as `os.walk` does, but not in circles.

    Parameters
    ----------
    folder : path
    onerror : callable, optional
        Gets the error of a folder that cannot be listed, which is left out otherwise.

    Yields
    ------
    (str, list of str, list of str)
        Path of a folder; the links in it that lead back to it or to a folder above it, which are
        not followed; its files.
    """
    for where, folders, files in os.walk(folder, onerror=onerror, followlinks=True):
        back = [name for name in folders if _leads_back(Path(where, name))]
        folders[:] = [name for name in folders if name not in back]
        yield where, back, files


def _leads_back(path: Path) -> bool:
    if not path.is_symlink():
        return False
    target = path.resolve()
    return any(above.resolve().is_relative_to(target) for above in path.parents)
