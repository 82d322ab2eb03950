"""Node files are most of a run's bytes: of a large run, processes of our own read some of them.

A helper reads names of files from its standard input and writes what they hold to its standard
output, so that it ends when the process that started it does, however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from transforms.stage.keys import KeyRing
from transforms.stage.nodes import NodeFile, StagedNode, stage_node
from transforms.stage.reader import Source
from transforms.stage.spool import Spool

WORTH_HELP_BYTES = 24 * 2**20
"""Below this, a helper takes as long to start as it saves."""
MAX_HELPERS = 7

_HELPER = (sys.executable, "-m", "transforms.stage.sharing")
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


def helpers_for(files: Sequence[NodeFile]) -> int:
    """How many helpers are worth starting: none for a small run, at most one a further core."""
    if sum(file.size for file in files) < WORTH_HELP_BYTES:
        return 0
    return min(_cores() - 1, len(files) - 1, MAX_HELPERS)


def _cores() -> int:
    """Cores this process may use; where the system does not say which, those there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class NodeStaging:
    """Stages ``files``, shared among this process (``work``) and its helpers; a context manager.

    A helper that fails, for whatever reason, only leaves its file to the others.
    """

    def __init__(
        self, source: Source, keys: KeyRing, files: Sequence[NodeFile], helpers: int, spool: Spool
    ) -> None:
        self._source = source
        self._spool = spool
        self._keys = keys
        self._files = files
        # The largest first: what is shared out last should be small.
        self._waiting = deque(sorted(range(len(files)), key=lambda number: -files[number].size))
        self._staged: dict[int, StagedNode] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads = [
            threading.Thread(target=self._follow, args=(self._start(),), daemon=True) for _ in range(helpers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def work(self) -> None:
        """Stage here until no file is left that nobody has begun."""
        while (number := self._next()) is not None:
            self._add(number, stage_node(self._source, self._keys, self._files[number]))

    def finish(self) -> list[StagedNode]:
        """Every file, in the order given, once the helpers are done too."""
        for thread in self._threads:
            thread.join()
        self.work()
        return [self._staged[number] for number in range(len(self._files))]

    def _add(self, number: int, staged: StagedNode) -> None:
        staged.frames = {name: self._spool.keep(frame) for name, frame in staged.frames.items()}
        self._staged[number] = staged

    def _next(self) -> int | None:
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            _HELPER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(_PACKAGE_ROOT)},
        )
        self._processes.append(process)
        return process

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        # It reads nothing else: progress is told here.
        source = replace(self._source, on_bytes=_unheard)
        number: int | None = None
        try:
            pickle.dump(source, process.stdin)
            process.stdin.flush()
            # Started: only now it takes a file from the others.
            process.stdout.read(1)
            while (number := self._next()) is not None:
                pickle.dump(self._files[number], process.stdin)
                process.stdin.flush()
                self._add(number, pickle.load(process.stdout))  # noqa: S301 - written by our own code
                self._source.on_bytes(self._files[number].size)
        except (OSError, EOFError, pickle.UnpicklingError):
            if number is not None and number not in self._staged:
                self._waiting.append(number)
        finally:
            with suppress(OSError):
                process.stdin.close()


def _unheard(count: int) -> None:
    """Progress that nobody follows."""


def help_stage(requests: BinaryIO, answers: BinaryIO) -> None:
    """Stage the files that ``requests`` names until it ends; the first request is the run."""
    import gc

    gc.disable()
    source: Source = pickle.load(requests)  # noqa: S301 - written by the process that started this one
    keys = KeyRing(source.run.graph_name)
    answers.write(b"!")
    answers.flush()
    with suppress(EOFError):
        while True:
            file: NodeFile = pickle.load(requests)  # noqa: S301
            pickle.dump(stage_node(source, keys, file), answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()


if __name__ == "__main__":
    # Ctrl-C is for the process that started this one; when it ends, so does this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    help_stage(sys.stdin.buffer, sys.stdout.buffer)
