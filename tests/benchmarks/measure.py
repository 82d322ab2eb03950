"""Measure processes: wall time, processor time of the process and of PostgreSQL, and memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg
import psutil  # type: ignore[import-untyped]

from backend.config import without_driver

REPOSITORY = Path(__file__).resolve().parents[2]
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took. ``cpu`` is of its own processes, ``postgres`` of the server's."""

    seconds: float
    cpu: float = 0.0
    postgres: float = 0.0
    peak_bytes: int = 0
    stdout: bytes = b""

    @property
    def total_cpu(self) -> float:
        """Processor seconds wherever they were spent."""
        return self.cpu + self.postgres


class PostgresServer:
    """The server's processes, when they run on this machine."""

    def __init__(self, backend_pid: int) -> None:
        parent = psutil.Process(backend_pid).parent()
        assert parent is not None
        self.postmaster = parent

    @classmethod
    async def behind(cls, database_url: str) -> PostgresServer:
        """That of ``database_url``."""
        connection = await asyncpg.connect(without_driver(database_url))
        try:
            return cls(await connection.fetchval("select pg_backend_pid()"))
        finally:
            await connection.close()

    def cpu(self) -> float:
        """Processor seconds so far, of backends that have ended too."""
        while True:
            ended = self._ended()
            running = sum(map(cpu_of, [self.postmaster, *self.postmaster.children()]))
            # One that ended meanwhile would count twice, or not at all.
            if self._ended() == ended:
                return ended + running

    def _ended(self) -> float:
        times = self.postmaster.cpu_times()
        return float(times.children_user + times.children_system)


def cpu_of(process: psutil.Process) -> float:
    """Processor seconds of a process, 0 once it is gone."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = REPOSITORY,
    postgres: PostgresServer | None = None,
    watched: bool = True,
) -> Cost:
    """Run ``command`` to its end and say what it cost; a failure shows what it said.

    Its memory is known where it is ``watched``, which takes time of its own: several processes are stopped
    while their pages are counted, 7 % of a preflight.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as printed:
        before = postgres.cpu() if postgres else 0.0
        started = time.perf_counter()
        child = subprocess.Popen(command, env=env, cwd=cwd, stdout=printed, stderr=said)
        with _Memory(child.pid) if watched else nullcontext() as memory:
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        printed.seek(0)
        stdout = printed.read()
        assert child.returncode == 0, f"{command}: {said.read().decode()[-3000:]}{stdout.decode()[-3000:]}"
        return Cost(
            seconds,
            usage.ru_utime + usage.ru_stime,
            postgres.cpu() - before if postgres else 0.0,
            memory.peak_bytes if memory else 0,
            stdout,
        )


class _Memory:
    """Watches a process and its children; pages that they share count once.

    What the kernel says at a process's end would include what it was forked from.
    """

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            with suppress(psutil.Error, OSError):
                tree = [self._process, *self._process.children(recursive=True)]
                together = sum(each.memory_full_info().pss for each in tree) if len(tree) > 1 else 0
                self.peak_bytes = max(self.peak_bytes, together, _high_water(self._process))


def _high_water(process: psutil.Process) -> int:
    """Most bytes that a process ever had resident, as far as the system says."""
    path = Path(f"/proc/{process.pid}/status")
    if not path.exists():
        return int(process.memory_info().rss)
    lines = path.read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def in_turns(repeats: int, ways: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """Do each of ``ways`` so often, taking turns, so that a slow moment meets all; their medians."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            costs[name].append(work())
    return {name: middle(each) for name, each in costs.items()}


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of every figure; what was printed is that of the last."""
    return Cost(
        median(each.seconds for each in costs),
        median(each.cpu for each in costs),
        median(each.postgres for each in costs),
        round(median(each.peak_bytes for each in costs)),
        costs[-1].stdout,
    )
