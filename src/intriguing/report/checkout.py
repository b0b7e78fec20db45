"""Which version of the repository a page or a build was made by."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit_of(folder: str | Path) -> str:
    """The git commit of a checkout, ``-dirty`` with uncommitted changes; empty without one."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        ran = subprocess.run([*command, "--exclude=*"], capture_output=True, text=True)
    except OSError:  # git is not installed
        return ""
    return ran.stdout.strip()
