"""Ingest: preflight, load, build and publish one run, doing only what is still to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg

from backend.enums import RunState
from backend.services.signal_hydrator import HydrationResult
from contracts.findings import Report
from transforms.checksum import run_checksum
from transforms.database import connection as connect_to
from transforms.engines.base import BuildResult
from transforms.errors import CompassError
from transforms.lifecycle import registry
from transforms.lifecycle.build import EngineName, build
from transforms.lifecycle.load import load
from transforms.lifecycle.lock import run_lock
from transforms.lifecycle.publish import publish
from transforms.preflight import preflight
from transforms.progress import Progress
from transforms.run import Run


class ContractsBroken(CompassError):
    """The run breaks its contracts; nothing was loaded."""

    exit_code = 1

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(
            f"{report.run_key} breaks its contracts and was not loaded",
            "mend what is listed, then ingest again",
        )


@dataclass(slots=True)
class IngestResult:
    """What an ingest did. ``unchanged`` means that the database already held this very run."""

    run_key: str
    unchanged: bool = False
    report: Report | None = None
    row_counts: dict[str, int] = field(default_factory=dict)
    build: BuildResult | None = None
    hydration: HydrationResult | None = None
    durations: dict[str, float] = field(default_factory=dict)
    """Seconds of each step."""

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Record how long the block takes as ``step``."""
        started = time.perf_counter()
        yield
        self.durations[step] = round(time.perf_counter() - started, 3)


_LOADED = (RunState.LOADED, RunState.BUILT, RunState.PUBLISHED, RunState.SUPERSEDED)
_BUILT = (RunState.BUILT, RunState.PUBLISHED, RunState.SUPERSEDED)


async def ingest(
    database_url: str,
    run: Run,
    *,
    progress: Progress,
    force: bool = False,
    skip_preflight: bool = False,
    publish_after: bool = True,
    engine: EngineName = "native",
) -> IngestResult:
    """Bring ``run`` from its directory to served signals.

    A run whose files are unchanged goes on where an earlier ingest stopped, and is left alone
    once published; ``force`` does everything again. ``skip_preflight`` loads in spite of
    findings (schemas are enforced all the same). Raises ContractsBroken, RunBusy, BuildFailed,
    DatabaseUnavailable.
    """
    result = IngestResult(run.run_key)
    async with connect_to(database_url) as connection, run_lock(connection, run.run_key):
        with progress.step("Comparing"), result.timed("checksum"):
            checksum = run_checksum(run.path)
        known = await registry.get_run(connection, run.run_key)
        same = known is not None and known.checksum == checksum and not force
        if not (same and known is not None and known.state in _LOADED):
            await _load(connection, run, checksum, result, progress, skip_preflight=skip_preflight)
            state = RunState.LOADED
        else:
            state, result.row_counts = known.state, known.row_counts
        result.unchanged = state is RunState.PUBLISHED
        if state not in _BUILT:
            with result.timed("build"):
                result.build = await build(
                    connection, database_url, [run.run_key], engine=engine, progress=progress
                )
        if publish_after and not result.unchanged:
            with result.timed("publish"):
                result.hydration = await publish(database_url, run.run_key, progress)
        if not result.unchanged:
            await registry.record_durations(connection, run.run_key, result.durations)
    return result


async def _load(
    connection: asyncpg.Connection,
    run: Run,
    checksum: str,
    result: IngestResult,
    progress: Progress,
    *,
    skip_preflight: bool,
) -> None:
    with result.timed("preflight"):
        data, result.report = preflight(run, progress, rules=not skip_preflight)
    if not result.report.ok:
        raise ContractsBroken(result.report)
    with result.timed("load"):
        result.row_counts = await load(connection, run, data, checksum, progress)


async def load_only(
    database_url: str, run: Run, *, progress: Progress, skip_preflight: bool = False
) -> IngestResult:
    """Preflight and load ``run``, without building; an earlier load of it is replaced."""
    result = IngestResult(run.run_key)
    async with connect_to(database_url) as connection, run_lock(connection, run.run_key):
        checksum = run_checksum(run.path)
        await _load(connection, run, checksum, result, progress, skip_preflight=skip_preflight)
        await registry.record_durations(connection, run.run_key, result.durations)
    return result
