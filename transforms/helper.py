"""A process that helps to stage a large run. It takes as long to start as this one: both can do so at once.

What it does stands in ``transforms.stage.sharing``; here nothing is imported that takes time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from transforms.run import NODES_DIRECTORY

WORTH_HELP_BYTES = 24 * 2**20
"""Below this, a helper takes as long to start as it saves."""
AHEAD = 2
"""Tasks that a helper has at a time: when it ends one it need not wait for the next."""

PROGRAM = (sys.executable, "-m", "transforms.stage.sharing")
_PACKAGE_ROOT = Path(__file__).resolve().parents[1]


class HelperProcess:
    """The process, its pipes, and the file without a name that it puts frames in; a context manager."""

    def __init__(self) -> None:
        """Start it. Raises OSError where no further process or file may be had."""
        with ExitStack() as resources:
            file = resources.enter_context(tempfile.TemporaryFile(prefix="compass-", suffix=".arrow"))
            self.frames = file.fileno()
            process = subprocess.Popen(
                (*PROGRAM, str(self.frames)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(self.frames,),
                env={**os.environ, "PYTHONPATH": str(_PACKAGE_ROOT)},
            )
            assert process.stdin is not None
            assert process.stdout is not None
            self.requests: IO[bytes] = process.stdin
            self.answers: IO[bytes] = process.stdout
            resources.callback(process.wait)
            resources.callback(self.answers.close)
            resources.callback(self.requests.close)
            self.kill = process.kill
            self._resources = resources.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it, whatever it is at; once more does no harm."""
        self.kill()
        # What it was still to be sent is of no use any more.
        with suppress(BrokenPipeError):
            self._resources.close()


def cores() -> int:
    """Cores this process may use; where the system does not say which, those there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def helper_ahead(run: Path) -> Iterator[HelperProcess | None]:
    """A helper for the run in a directory, or None: where it is small, unreadable, or nobody can help."""
    with ExitStack() as kept:
        helper = None
        with suppress(OSError):
            if cores() > 1 and _bytes_of_nodes(run) >= WORTH_HELP_BYTES:
                helper = kept.enter_context(HelperProcess())
        yield helper


def _bytes_of_nodes(run: Path) -> int:
    with os.scandir(run / NODES_DIRECTORY) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.is_file())
