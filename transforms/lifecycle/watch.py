"""Watch a folder: bring in the runs that arrive there, oldest first, and say why others stay out.

What was done stands in the registry, and nowhere else: which files a run was loaded from, and
which could not be brought in. So a watcher that starts again goes on where another ended.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from backend.enums import RunState
from backend.errors import DatabaseUnavailable as ServiceUnavailable
from contracts.findings import Report, Severity
from transforms.checksum import run_checksum
from transforms.compiled.errors import ManifestOutOfDate, ManifestUnreadable, UnsupportedByEngines
from transforms.database import connection as connect_to
from transforms.engines.errors import BuildFailed
from transforms.errors import CompassError, DatabaseUnavailable
from transforms.lifecycle import registry
from transforms.lifecycle.arrivals import Arrival, Arrivals
from transforms.lifecycle.ingest import IngestResult, ingest
from transforms.lifecycle.lock import RunBusy, refuse, run_lock_if_free
from transforms.lifecycle.verdict import ContractsBroken
from transforms.locks import WATCH
from transforms.progress import Progress
from transforms.run import Run, open_run

Kind = Literal["published", "failed", "skipped", "waiting"]

_DONE = (RunState.PUBLISHED, RunState.SUPERSEDED)
_PASSING = ("08", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE that say that another time the same may succeed: a lost connection, a full
disk, a lock, an operator. Files that meet them are tried again."""
_CODE = re.compile(r"\(SQLSTATE (\w\w)")
_INSTALLATION = (ManifestUnreadable, ManifestOutOfDate, UnsupportedByEngines)
"""Errors that every run would meet: the watcher ends with them."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """What became of a run: ``reason`` says why it failed, was skipped, or waits to be tried again."""

    kind: Kind
    path: Path
    run_key: str | None = None
    reason: str | None = None
    result: IngestResult | None = None


class Watcher:
    """Brings in what arrives below ``root``; ``tell`` hears what became of each run."""

    def __init__(
        self,
        database_url: str,
        root: Path,
        *,
        stable_seconds: float,
        tell: Callable[[WatchEvent], None],
        progress: Progress,
    ) -> None:
        self._database_url = database_url
        self._root = root
        self._stable_seconds = stable_seconds
        self._arrivals = Arrivals(root, stable_seconds)
        self._tell = tell
        self._progress = progress
        self._settled: dict[Path, str] = {}
        self._waiting: dict[Path, WatchEvent] = {}

    async def watch(self, interval: float) -> None:
        """Look every ``interval`` seconds, until cancelled; a database that is away is waited for."""
        while True:
            try:
                await self._look(wait=False)
            except Exception as error:
                if not _is_passing(error):
                    raise
                self._say(WatchEvent("waiting", self._root, reason=str(error)))
            else:
                self._waiting.pop(self._root, None)
            await asyncio.sleep(interval)

    async def once(self) -> None:
        """Bring in what is there now, and return. Raises DatabaseUnavailable."""
        self._arrivals.look()
        await asyncio.sleep(self._stable_seconds)
        for arrival in await self._look(wait=True):
            if not arrival.stable:
                self._say(WatchEvent("waiting", arrival.path, reason="somebody still writes to it"))

    async def _look(self, *, wait: bool) -> list[Arrival]:
        """Bring in the arrivals that are not settled, if it is this watcher's turn; returns all."""
        arrivals = self._arrivals.look()
        new = [each for each in arrivals if each.stable and self._settled.get(each.path) != each.fingerprint]
        if new:
            async with connect_to(self._database_url) as connection, _turn(connection, wait=wait) as mine:
                if mine:
                    await self._bring_in(connection, arrivals, new)
        return arrivals

    async def _bring_in(
        self, connection: asyncpg.Connection, arrivals: list[Arrival], new: list[Arrival]
    ) -> None:
        runs: dict[Path, Run] = {}
        for arrival in arrivals:
            try:
                runs[arrival.path] = open_run(arrival.path)
            except CompassError as error:
                # It may have gone away, or be in work: the next look sees what it is then.
                self._say(WatchEvent("waiting", arrival.path, reason=error.message))
        places = _places(runs)
        opened = [(runs[arrival.path], arrival) for arrival in new if arrival.path in runs]
        # Oldest first, so that the newest run of each graph is the one that is served in the end.
        for run, arrival in sorted(opened, key=lambda each: (each[0].graph_name, each[0].run_id)):
            place = places[run.run_key]
            if place != arrival.path:
                reason = f"{place} holds this run as well, and is what counts; remove one of them"
                self._say(WatchEvent("waiting", arrival.path, run.run_key, reason))
            elif await self._settle(connection, run):
                self._settled[arrival.path] = arrival.fingerprint

    async def _settle(self, connection: asyncpg.Connection, run: Run) -> bool:
        """Do what is to do for ``run``; False when it has to be tried again."""
        try:
            checksum = await asyncio.to_thread(run_checksum, run.path)
        except CompassError as error:
            self._say(WatchEvent("waiting", run.path, run.run_key, error.message))
            return False
        await registry.fail_interrupted(connection)
        known = await registry.get_run(connection, run.run_key)
        if known is not None:
            if known.failed_checksum == checksum:
                return True
            if known.checksum == checksum and known.state in _DONE:
                return True
        served = await registry.published_run(connection, run.graph_name)
        if served is not None and run.run_id < served.run_id:
            self._say(
                WatchEvent("skipped", run.path, run.run_key, f"{served.run_key} is newer and published")
            )
            return True
        try:
            result = await ingest(self._database_url, run, progress=self._progress, on_busy=refuse)
        except RunBusy as error:
            self._say(WatchEvent("waiting", run.path, run.run_key, error.message))
            return False
        except _INSTALLATION:
            raise
        except Exception as error:
            if _is_passing(error):
                self._say(WatchEvent("waiting", run.path, run.run_key, registry.failure("ingest", error)))
                return False
            return await self._refuse(connection, run, checksum, error)
        self._say(WatchEvent("published", run.path, run.run_key, result=result))
        return True

    async def _refuse(
        self, connection: asyncpg.Connection, run: Run, checksum: str, error: Exception
    ) -> bool:
        """Record why the files of ``run`` stay out; they are not tried again until they change."""
        async with run_lock_if_free(connection, run.run_key) as free:
            if not free:
                return False
            report = None
            if isinstance(error, ContractsBroken):
                report, reason = error.report, _findings(error.report)
            else:
                known = await registry.get_run(connection, run.run_key)
                reason = (known.error if known else None) or registry.failure("ingest", error)
            await registry.record_refusal(connection, run, checksum, reason, report)
        self._say(WatchEvent("failed", run.path, run.run_key, reason))
        return True

    def _say(self, event: WatchEvent) -> None:
        """Tell; that something still waits for the same reason is told once."""
        if self._waiting.get(event.path) == event:
            return
        if event.kind == "waiting":
            self._waiting[event.path] = event
        else:
            self._waiting.pop(event.path, None)
        self._tell(event)


def _places(runs: dict[Path, Run]) -> dict[str, Path]:
    """The directory that counts for each run key, of several the one that is named like its run.

    Were all taken, each start of a watcher would replace one by the other.
    """
    places: dict[str, Path] = {}
    for path, run in sorted(runs.items(), key=lambda each: (each[0].name != each[1].run_id, each[0])):
        places.setdefault(run.run_key, path)
    return places


@asynccontextmanager
async def _turn(connection: asyncpg.Connection, *, wait: bool) -> AsyncIterator[bool]:
    """Hold the turn of watchers; unless ``wait`` is set, False while another one has it.

    Without turns an older run could be published after a newer one, by another watcher.
    """
    if wait:
        await connection.execute("select pg_advisory_lock($1)", WATCH)
        mine = True
    else:
        mine = bool(await connection.fetchval("select pg_try_advisory_lock($1)", WATCH))
    yield mine
    # Without success the connection is closed next, which ends the turn as well.
    if mine:
        await connection.execute("select pg_advisory_unlock($1)", WATCH)


def _is_passing(error: BaseException) -> bool:
    """Whether ``error`` is about the server or the machine, and not about the files."""
    if isinstance(error, DatabaseUnavailable | ServiceUnavailable | asyncpg.InterfaceError | OSError):
        return True
    if isinstance(error, BuildFailed):
        codes = [_CODE.search(problem.message or "") for problem in error.problems]
        return all(code is not None and code[1] in _PASSING for code in codes)
    # SQLAlchemy wraps what the driver raised.
    original = getattr(error, "orig", error)
    code = getattr(original, "sqlstate", None)
    return isinstance(code, str) and code[:2] in _PASSING


def _findings(report: Report) -> str:
    """How many errors a check found, and the first of them."""
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    first = errors[0]
    counted = "1 error" if len(errors) == 1 else f"{len(errors):,} errors"
    return (
        f"the preflight found {counted}, the first: {first.code} {first.place}: {first.message}\n"
        f"See all with `compass preflight {report.path}`"
    )
