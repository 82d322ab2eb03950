"""Some files are most of a run's bytes: of a large run, processes of our own read some of them.

A helper reads tasks from its standard input, so that it ends when the process that started it does,
however that ends. The frames that a task gives go through a file without a name, which is mapped:
taken out of a pipe a little at a time, they would wait for the interpreter lock each time.
"""

from __future__ import annotations

import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import IO, BinaryIO, Self

from contracts.rules.gather import Findings
from transforms.helper import AHEAD, WORTH_HELP_BYTES, HelperProcess, cores
from transforms.stage.keys import KeyRing
from transforms.stage.reader import Source
from transforms.stage.shards import Performed, Shard, Task
from transforms.stage.spool import Place, Spool, append, worth_a_file

MAX_HELPERS = 7

_Answer = tuple[Performed, dict[str, Place]]
"""What a task gave, and where those of its frames lie that were too large to send along."""


def helpers_for(sizes: Sequence[int]) -> int:
    """How many helpers are worth starting for files of these ``sizes``, at most one a further core."""
    if sum(sizes) < WORTH_HELP_BYTES:
        return 0
    return min(cores() - 1, len(sizes) - 1, MAX_HELPERS)


class Helpers:
    """``count`` processes that take tasks from this one; a context manager.

    A helper that fails, for whatever reason, only leaves its task to the others.
    """

    def __init__(
        self, source: Source, keys: KeyRing, count: int, spool: Spool, ahead: HelperProcess | None = None
    ) -> None:
        self._source = source
        self._keys = keys
        self._spool = spool
        self._tasks: Sequence[Task] = ()
        self._waiting: deque[int] = deque()
        self._performed: dict[int, Performed] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._count = count
        self._started = ahead
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        # Where no further process or file may be had, there are fewer helpers.
        with suppress(OSError):
            for _ in range(self._count):
                self._start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    def _close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def share(self, tasks: Sequence[Task]) -> None:
        """Let helpers begin ``tasks``; ``finish`` those given before it first."""
        with self._changed:
            self._tasks = tasks
            self._performed = {}
            # The largest first: what is shared out last should be small.
            self._waiting.extend(sorted(range(len(tasks)), key=lambda number: -tasks[number].size))
            self._changed.notify_all()

    def finish(self) -> list[Performed]:
        """What every task gives, in the order given; this process performs what no helper has begun."""
        while (number := self._next(lambda: len(self._performed) == len(self._tasks))) is not None:
            performed = self._tasks[number].perform(self._source, self._keys)
            frames = performed.shard.frames
            frames.update({name: self._spool.keep(frame) for name, frame in frames.items()})
            self._add(number, performed)
        results = [self._performed[number] for number in range(len(self._tasks))]
        self._tasks, self._performed = (), {}
        return results

    def _next(self, ended: Callable[[], bool]) -> int | None:
        """A task that nobody has begun; waits for one (a helper may leave its own) until ``ended``."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or ended())
            return self._waiting.popleft() if self._waiting else None

    def _add(self, number: int, performed: Performed) -> None:
        with self._changed:
            self._performed[number] = performed
            self._changed.notify_all()

    def _start(self) -> None:
        """Start a helper, unless one has been started before, and a thread that hands it tasks."""
        keep = self._resources
        helper, self._started = self._started or HelperProcess(), None
        keep.enter_context(helper)
        thread = threading.Thread(target=self._follow, args=(helper,), daemon=True)
        thread.start()
        # Undone from the last to the first: a thread ends when its helper does.
        keep.callback(thread.join)
        keep.callback(helper.kill)
        keep.callback(self._close)

    def _follow(self, helper: HelperProcess) -> None:
        begun: deque[int] = deque()
        requests, answers = helper.requests, helper.answers
        try:
            with suppress(OSError, EOFError, pickle.UnpicklingError):
                # It reads nothing else: progress is told here.
                pickle.dump(replace(self._source, findings=Findings(), on_bytes=_unheard), requests)
                requests.flush()
                # Started: only now it takes a task from the others.
                pickle.load(answers)  # noqa: S301 - written by our own code
                self._hand_over(begun, requests, answers, helper.frames)
        finally:
            with self._changed:
                self._waiting.extend(begun)
                self._changed.notify_all()

    def _hand_over(self, begun: deque[int], requests: IO[bytes], answers: IO[bytes], frames: int) -> None:
        """Give a helper tasks until there are no more; ``begun`` are those that it has not answered yet.

        Raises EOFError if the helper has ended.
        """
        while True:
            while len(begun) < AHEAD:
                number = self._next(lambda: self._closed or bool(begun))
                if number is None:
                    break
                begun.append(number)
                pickle.dump(self._tasks[number], requests)
                requests.flush()
            if not begun:
                return
            answer: _Answer = pickle.load(answers)  # noqa: S301
            performed, places = answer
            performed.shard.frames |= {name: self._spool.map(frames, place) for name, place in places.items()}
            self._source.on_bytes(self._tasks[begun[0]].size)
            self._add(begun[0], performed)
            begun.popleft()


def _unheard(count: int) -> None:
    """Progress that nobody follows."""


def help_stage(requests: BinaryIO, answers: BinaryIO, frames: BinaryIO) -> None:
    """Perform the tasks that ``requests`` holds until it ends; the first request is the run.

    The first of ``answers`` says that this process has started, each further one what a task gave, less
    its large frames: those are appended to ``frames``, and the answer says where.
    """
    import gc

    gc.disable()
    source: Source = pickle.load(requests)  # noqa: S301 - written by the process that started this one
    keys = KeyRing(source.run.graph_name)
    answer: _Answer | None = None
    with suppress(EOFError):
        while True:
            pickle.dump(answer, answers)
            answers.flush()
            task: Task = pickle.load(requests)  # noqa: S301
            performed = task.perform(source, keys)
            answer = performed, _set_apart(performed.shard, frames)


def _set_apart(shard: Shard, file: BinaryIO) -> dict[str, Place]:
    """Move the large frames of ``shard`` to the end of a file; returns where each lies."""
    large = [name for name, frame in shard.frames.items() if worth_a_file(frame)]
    return {name: append(shard.frames.pop(name), file) for name in large}


if __name__ == "__main__":
    # Ctrl-C is for the process that started this one; when it ends, so does this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(int(sys.argv[1]), "wb") as file:
        help_stage(sys.stdin.buffer, sys.stdout.buffer, file)
