"""Writing results to files: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transforms.errors import UsageError


class NotWritable(UsageError):
    """The file that a report was to go to cannot be written."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"cannot write {path}: {reason}", "name a file in a folder that exists")


def require_writable(path: Path) -> None:
    """Raise NotWritable unless ``path`` names a file, there or not yet, in a folder that is there.

    Asked before a check starts, so that nobody waits for a report that has nowhere to go.
    """
    if path.is_dir():
        raise NotWritable(path, "it is a directory")
    if not path.parent.is_dir():
        raise NotWritable(path, f"there is no directory {path.parent}")


def write_atomically(path: Path, text: str) -> None:
    """Replace the content of ``path`` by ``text`` in UTF-8; readers see the old or the new file.

    Raises NotWritable, and then leaves what was there.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            # A device or pipe holds nothing to replace.
            target.write_text(text, encoding="utf-8")
            return
        with replacing(target) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotWritable(path, error.strerror or str(error)) from error


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A file beside ``target`` to write, which takes its place when the block succeeds."""
    unfinished = target.with_name(f".{target.name[:200]}.{os.getpid()}.tmp")
    try:
        yield unfinished
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
