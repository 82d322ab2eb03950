"""Hydration of many signals: first time and unchanged, against upserts of batches of rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from backend.config import without_driver
from backend.db.session import create_engine
from backend.services import signal_hydrator
from tests.benchmarks import sizes
from tests.benchmarks.many_signals import build_run, publish_many
from tests.benchmarks.measure import Cost, PostgresServer, in_turns
from tests.benchmarks.peers import row_batches, usual_signals
from tests.benchmarks.records import Record, Target, hold, keep
from tests.support.databases import execute

pytestmark = pytest.mark.benchmark

AREA = "Hydration"
LEAST_RATIO = 5.0
FIRST_SECONDS = 8.0
UNCHANGED_SECONDS = 1.5


class Hydrations:
    """Hydrates the signals of a published run, our way and the usual way."""

    def __init__(self, database_url: str, run_key: str, postgres: PostgresServer) -> None:
        self._url = database_url
        self._run_key = run_key
        self._postgres = postgres

    def first(self) -> Cost:
        """Into an empty table."""
        self._do("truncate public.signals cascade", "vacuum public.signals", "checkpoint")
        return self._timed(self._hydrate)

    def unchanged(self) -> Cost:
        """Again, when nothing is different."""
        return self._timed(self._hydrate)

    def compared(self) -> Cost:
        """Again, when nothing is different but every mart may be."""
        self._do("delete from public.hydrations")
        return self._timed(self._hydrate)

    def first_by_batches(self) -> Cost:
        """Into an empty table, in batches of rows."""

        async def create() -> None:
            connection = await asyncpg.connect(without_driver(self._url))
            await usual_signals.create_table(connection)
            await connection.close()

        asyncio.run(create())
        self._do("checkpoint")
        return self._timed(self._hydrate_by_batches)

    def unchanged_by_batches(self) -> Cost:
        """Again, when nothing is different, in batches of rows."""
        return self._timed(self._hydrate_by_batches)

    def counts(self) -> tuple[int, int, int]:
        """Signals, those written in batches, and transactions that wrote ours."""

        async def ask() -> tuple[int, int, int]:
            connection = await asyncpg.connect(without_driver(self._url))
            try:
                ours = await connection.fetchrow(
                    "select count(*) as n, count(distinct xmin::text) as transactions from public.signals"
                )
                theirs = await connection.fetchval(f"select count(*) from {usual_signals.TABLE}")
            finally:
                await connection.close()
            return ours["n"], theirs, ours["transactions"]

        return asyncio.run(ask())

    async def _hydrate(self) -> None:
        engine = create_engine(self._url)
        async with engine.begin() as connection:
            await signal_hydrator.hydrate(connection, self._run_key)
        await engine.dispose()

    async def _hydrate_by_batches(self) -> None:
        connection = await asyncpg.connect(without_driver(self._url))
        await row_batches.hydrate(connection, self._run_key)
        await connection.close()

    def _do(self, *statements: str) -> None:
        asyncio.run(execute(self._url, *statements))

    def _timed(self, work: Callable[[], Awaitable[None]]) -> Cost:
        async def both() -> Cost:
            before, started, cpu = self._postgres.cpu(), time.perf_counter(), time.process_time()
            await work()
            return Cost(
                time.perf_counter() - started, time.process_time() - cpu, self._postgres.cpu() - before
            )

        return asyncio.run(both())


@pytest.mark.timeout(1800)
def test_first_and_unchanged(bench_url: str, postgres: PostgresServer, runs_folder: Path) -> None:
    """Many signals are in within seconds, in one transaction, several times faster than in batches."""
    run_key = build_run(bench_url, runs_folder, sizes.FACILITIES)
    asyncio.run(publish_many(bench_url, run_key, sizes.SIGNALS))
    hydrations = Hydrations(bench_url, run_key, postgres)
    # Once: a hydration of so many is long enough to be its own average.
    costs = in_turns(
        1,
        {
            "first": hydrations.first,
            "unchanged": hydrations.unchanged,
            "compared": hydrations.compared,
            "first, batches": hydrations.first_by_batches,
            "unchanged, batches": hydrations.unchanged_by_batches,
        },
    )
    signals, by_batches, transactions = hydrations.counts()
    assert signals == by_batches
    assert transactions == 1
    against = f"upserts of {row_batches.BATCH_ROWS:,} rows"

    def records(step: str, budget: float) -> list[Record]:
        ours, theirs = costs[step], costs[f"{step}, batches"]
        parameters = {"signals": signals}
        return [
            Record(AREA, step, "s", ours.seconds, theirs.seconds, against, Target(LEAST_RATIO), parameters),
            Record(
                AREA,
                f"{step}, budget",
                "s",
                ours.seconds,
                target=Target(budget, "ours", at_least=False),
                parameters=parameters,
            ),
            Record(
                AREA, f"{step}, CPU", "s", ours.total_cpu, theirs.total_cpu, against, parameters=parameters
            ),
        ]

    compared = Record(
        AREA,
        "marts made anew, values the same",
        "s",
        costs["compared"].seconds,
        costs["unchanged, batches"].seconds,
        against,
        parameters={"signals": signals},
    )
    measured = [*records("first", FIRST_SECONDS), *records("unchanged", UNCHANGED_SECONDS), compared]
    keep(AREA, measured)
    hold(measured[0])
