"""A disk that fills up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, owner: int) -> Iterator[Callable[[str], None]]:
    """A file system in memory at ``folder``; the result resizes it. Skips where mounting is forbidden."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system takes rights that this user has not")

    def resize(size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)

    try:
        os.chown(folder, owner, owner)
        yield resize
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def used(folder: Path) -> int:
    """Bytes in use on the file system of ``folder``."""
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_frsize
