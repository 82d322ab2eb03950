"""Run directories that arrive below a folder, and whether somebody still writes to them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import UsageError
from transforms.run import RESULTS_INDEX, RUN_MANIFEST

_COMPLETE = (RUN_MANIFEST, RESULTS_INDEX)
"""Files that a whole run has; the engine writes them last."""


class NotAFolderOfRuns(UsageError):
    """What should be watched is not a folder that run directories arrive in."""

    def __init__(self, path: Path, reason: str, hint: str) -> None:
        self.path = path
        super().__init__(f"{path} {reason}", hint)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A run directory. ``fingerprint`` changes with any of its files; ``stable`` when it did not lately."""

    path: Path
    fingerprint: str
    stable: bool


class Arrivals:
    """The run directories below ``root``, as ``<graph>/<run_id>`` or ``<run_id>``.

    Files count as stable when they looked the same for ``stable_seconds``. Times of files are
    compared with themselves only: copying may keep old ones, and clocks of file servers differ.
    Raises NotAFolderOfRuns.
    """

    def __init__(
        self, root: Path, stable_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not root.is_dir():
            raise NotAFolderOfRuns(root, "is not a directory", "name the folder that runs are written to")
        if (root / RESULTS_INDEX).exists():
            raise NotAFolderOfRuns(
                root, "is a run itself", f"name the folder above it, or use `compass ingest {root}`"
            )
        self._root = root.resolve()
        self._stable_seconds = stable_seconds
        self._clock = clock
        self._seen: dict[Path, tuple[str, float]] = {}

    def look(self) -> list[Arrival]:
        """The complete run directories of now, in the order of their paths."""
        found = []
        for path in sorted(self._candidates()):
            fingerprint = _fingerprint(path)
            if fingerprint is None:
                continue
            known, since = self._seen.get(path, (None, 0.0))
            if known != fingerprint:
                since = self._clock()
                self._seen[path] = (fingerprint, since)
            stable = self._clock() - since >= self._stable_seconds
            found.append(Arrival(path, fingerprint, stable))
        gone = self._seen.keys() - {each.path for each in found}
        for path in gone:
            del self._seen[path]
        return found

    def _candidates(self) -> Iterator[Path]:
        for pattern in ("*", "*/*"):
            for path in self._root.glob(pattern):
                if all(_may_be_file(path / name) for name in _COMPLETE):
                    yield path


def _may_be_file(path: Path) -> bool:
    """Whether ``path`` is a file, or lies where nobody lets us look: that is said when it is opened."""
    try:
        return path.is_file()
    except PermissionError:
        return True


def _fingerprint(root: Path) -> str | None:
    """Digest over name, size and times of every file; None when files come and go meanwhile.

    What may not be looked at has its name only.
    """
    digest = hashlib.sha256()
    try:
        for folder, folders, names in os.walk(root, onerror=_raise_unless_forbidden):
            folders.sort()
            for name in sorted(names):
                facts = _facts(os.path.join(folder, name))
                digest.update(repr(facts).encode(errors="surrogateescape"))
    except OSError:
        return None
    return digest.hexdigest()


def _facts(path: str) -> tuple[str | int, ...]:
    try:
        status = os.lstat(path)
    except PermissionError:
        return (path,)
    return (path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _raise_unless_forbidden(error: OSError) -> None:
    if not isinstance(error, PermissionError):
        raise error
