"""Where files of a run lie as seen from the checkout that a check runs in."""

from __future__ import annotations

import os
from pathlib import Path


def checkout() -> Path:
    """Root that code hosts resolve paths against: GITHUB_WORKSPACE, else the working directory."""
    return Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()


def path_in_checkout(run: str, file: str | None) -> str:
    """Path of ``file`` of the run at ``run`` (the run itself where None), relative to the checkout."""
    return Path(os.path.relpath(Path(run) / (file or ""), checkout())).as_posix()


def run_prefix(run: str) -> str | None:
    """Path of the run relative to the checkout; None where the run lies outside of it."""
    root, path = checkout(), Path(run).absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
