"""Ingest: preflight, load, build and publish one run, doing only what is still to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Literal

import asyncpg

from backend.enums import WHOLE_MARTS, RunState
from contracts.findings import Report
from transforms.checksum import run_checksum
from transforms.copy import create_raw_tables
from transforms.database import connection as connect_to
from transforms.engines.base import BuildResult
from transforms.engines.context import ComputedRows
from transforms.lifecycle import registry
from transforms.lifecycle.build import EngineName, build, require_native
from transforms.lifecycle.computing import Computing
from transforms.lifecycle.load import load, replace_rows
from transforms.lifecycle.lock import OnBusy, run_lock, wait
from transforms.lifecycle.published import HELD, PublishedRunProtected
from transforms.lifecycle.verdict import Verdict
from transforms.preflight import Staged, stage
from transforms.progress import Progress
from transforms.run import Run

if TYPE_CHECKING:
    from backend.services.signal_hydrator import HydrationResult


IngestEngine = Literal["duckdb", EngineName]
"""``duckdb`` is the native engine with rows that DuckDB computes beside the database."""

_PUBLISHING = "transforms.lifecycle.publish"
"""Brings SQLAlchemy, half a second of imports: they are done while PostgreSQL builds."""


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
    notes: list[str] = field(default_factory=list)
    """What went otherwise than planned, and did no harm."""

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Record how long the block takes as ``step``."""
        started = time.perf_counter()
        yield
        self.durations[step] = round(time.perf_counter() - started, 3)


async def ingest(
    database_url: str,
    run: Run,
    *,
    progress: Progress,
    force: bool = False,
    skip_preflight: bool = False,
    publish_after: bool = True,
    engine: IngestEngine = "native",
    on_busy: OnBusy = wait,
) -> IngestResult:
    """Bring ``run`` from its directory to served signals.

    A run whose files are unchanged goes on where an earlier ingest stopped, and is left alone
    once published; ``force`` does everything again. ``skip_preflight`` loads in spite of
    findings (schemas are enforced all the same). Raises RunNotReadable, ContractsBroken, RunBusy,
    BuildFailed, PublishedRunProtected, DatabaseUnavailable.
    """
    result = IngestResult(run.run_key)
    builder: EngineName = "native" if engine == "duckdb" else engine
    computing: Computing | None = None
    async with connect_to(database_url) as connection, run_lock(connection, run.run_key, on_busy):
        await registry.fail_interrupted(connection)
        with progress.step("Comparing"), result.timed("checksum"):
            checksum = run_checksum(run.path)
        known = await registry.get_run(connection, run.run_key)
        same = known is not None and known.checksum == checksum and not force
        if known is not None and same and known.state in HELD:
            result.row_counts = known.row_counts
            result.unchanged = known.state is RunState.PUBLISHED
            to_build, to_publish = known.state not in WHOLE_MARTS, publish_after and not result.unchanged
        else:
            _require_replaceable(known, builder, publish_after=publish_after)
            staged, verdict = await _staged(run, result, progress, skip_preflight=skip_preflight)
            if engine == "duckdb":
                computing = Computing(staged.data)
            await create_raw_tables(connection)
            if known is not None and known.state in WHOLE_MARTS and builder == "native":
                from transforms.lifecycle.rebuild import rebuild

                result.report = await verdict.report()
                load_rows = partial(_load_rows, staged, verdict, checksum, result, progress)
                result.build, result.hydration = await rebuild(
                    connection,
                    database_url,
                    known,
                    progress=progress,
                    publish=publish_after,
                    load=load_rows,
                    computed=await _computed(computing, result),
                    timed=result.timed,
                )
                to_build = to_publish = False
            else:
                with result.timed("load"):
                    result.row_counts = await load(
                        connection, run, staged.data, checksum, progress, verdict=verdict
                    )
                result.report = await verdict.report()
                to_build, to_publish = True, publish_after
        if to_build:
            imports = asyncio.create_task(asyncio.to_thread(import_module, _PUBLISHING))
            with result.timed("build"):
                result.build = await build(
                    connection,
                    database_url,
                    [run.run_key],
                    engine=builder,
                    progress=progress,
                    computed=await _computed(computing, result),
                )
            await imports
        if to_publish:
            from transforms.lifecycle.publish import publish

            with result.timed("publish"):
                result.hydration = await publish(database_url, run.run_key, progress)
        if not result.unchanged:
            await registry.record_durations(connection, run.run_key, result.durations)
    return result


async def load_only(
    database_url: str,
    run: Run,
    *,
    progress: Progress,
    skip_preflight: bool = False,
    on_busy: OnBusy = wait,
) -> IngestResult:
    """Preflight and load ``run``, without building; an earlier load of it is replaced.

    Raises RunNotReadable, ContractsBroken, RunBusy, PublishedRunProtected, DatabaseUnavailable.
    """
    result = IngestResult(run.run_key)
    async with connect_to(database_url) as connection, run_lock(connection, run.run_key, on_busy):
        await registry.fail_interrupted(connection)
        known = await registry.get_run(connection, run.run_key)
        if known is not None and known.state is RunState.PUBLISHED:
            raise PublishedRunProtected(
                run.run_key, "its rows and its marts change together", "use `compass ingest --force DIR`"
            )
        # Before the files are read: those that change meanwhile are not taken for what was loaded.
        with progress.step("Comparing"), result.timed("checksum"):
            checksum = run_checksum(run.path)
        staged, verdict = await _staged(run, result, progress, skip_preflight=skip_preflight)
        with result.timed("load"):
            result.row_counts = await load(connection, run, staged.data, checksum, progress, verdict=verdict)
        result.report = await verdict.report()
        await registry.record_durations(connection, run.run_key, result.durations)
    return result


def _require_replaceable(
    known: registry.RunRecord | None, builder: EngineName, *, publish_after: bool
) -> None:
    if known is None:
        return
    require_native(known, builder)
    if known.state is RunState.PUBLISHED and not publish_after:
        raise PublishedRunProtected(
            known.run_key,
            "what is built of it is served at once",
            "leave --no-publish out, or publish another run first",
        )


async def _staged(
    run: Run, result: IngestResult, progress: Progress, *, skip_preflight: bool
) -> tuple[Staged, Verdict]:
    """The run in memory, its rules being checked. Raises ContractsBroken when it cannot be loaded at all."""
    with result.timed("preflight"):
        staged = stage(run, progress)
        verdict = Verdict(staged, progress, rules=not skip_preflight)
        if not staged.fits:
            await verdict.report()
    return staged, verdict


async def _computed(computing: Computing | None, result: IngestResult) -> ComputedRows:
    """What was computed beside the database; nothing where PostgreSQL is to do it."""
    if computing is None:
        return {}
    rows, note = await computing.rows()
    if note is not None:
        result.notes.append(note)
    return rows


async def _load_rows(
    staged: Staged,
    verdict: Verdict,
    checksum: str,
    result: IngestResult,
    progress: Progress,
    connection: asyncpg.Connection,
) -> None:
    with result.timed("load"):
        result.row_counts = await replace_rows(
            connection, staged.run, staged.data, checksum, progress, verdict=verdict
        )
