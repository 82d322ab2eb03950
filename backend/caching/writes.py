"""What tells the workers of one service on one machine that one of them has written.

An announcement of PostgreSQL takes milliseconds, or more on a busy machine, in which a caller who
reads through another worker would be shown what was before its own write.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Protocol

MARK_BYTES = 8


class Writes(Protocol):
    """A mark that changes with every write."""

    def mark(self) -> bytes:
        """The mark as it is now."""

    def note(self) -> None:
        """Change the mark: there has been a write."""


class WritesOfOne:
    """A worker alone knows of its writes without a mark."""

    def mark(self) -> bytes:
        """The mark, always the same."""
        return b""

    def note(self) -> None:
        """Leave it as it is."""


class WritesOfAll:
    """The mark stands in a file that all workers have in their memory; a read of it asks nobody."""

    def __init__(self, path: Path) -> None:
        """Share ``path``. Raises OSError where it is no file that can be written to."""
        with path.open("r+b") as file:
            os.truncate(file.fileno(), MARK_BYTES)
            self._shared = mmap.mmap(file.fileno(), MARK_BYTES)

    def mark(self) -> bytes:
        """The mark of the newest write of any worker."""
        return self._shared[:]

    def note(self) -> None:
        """Change the mark. Of two at once either stays, and both differ from what was."""
        self._shared[:] = os.urandom(MARK_BYTES)


def writes_of(path: Path | None) -> Writes:
    """The mark in the file at ``path``, or of a worker alone."""
    return WritesOfOne() if path is None else WritesOfAll(path)
