"""Published files that are not there: downloaded by torchvision, or what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intriguing.datasets.root import ROOT_VARIABLE
from intriguing.errors import DataError


def download(source: Any, root: Path, folder: Path, remedy: str) -> None:
    """Let torchvision download a data set.

    Parameters
    ----------
    source : class of torchvision.datasets
    root, folder : path
        Where it is downloaded to, and where its files then are.
    remedy : str
        What to do without a download.

    Raises
    ------
    DataError
        If there is no network, or the files are not the published ones.
    """
    try:
        # torchvision checks the MD5 of each archive, also of one that is already there
        source(root=root, download=True)
    except (RuntimeError, OSError) as error:  # the errors of urllib and gzip are OSErrors
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{source.__name__} is not in {folder} and cannot be downloaded ({reason}): {remedy}"
        ) from error


def elsewhere(holds: str) -> str:
    """The end of a remedy: where else the files may be."""
    return (
        f"or set data.root in the experiment or the environment variable {ROOT_VARIABLE} to the"
        f" folder that holds {holds}"
    )
