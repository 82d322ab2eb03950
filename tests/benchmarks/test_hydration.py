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
_INSERTED = f"INSERT of {row_batches.BATCH_ROWS:,} rows, SQLAlchemy"
_SENT = f"{row_batches.BATCH_ROWS:,} rows at a time, asyncpg"
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

    def first_sent(self) -> Cost:
        """Into an empty table, the rows of a batch sent one after the other."""
        self._create_usual()
        return self._timed(self._send)

    def unchanged_sent(self) -> Cost:
        """Again, when nothing is different."""
        return self._timed(self._send)

    def first_inserted(self) -> Cost:
        """Into an empty table, a statement a batch."""
        self._create_usual()
        return self._timed(self._insert)

    def unchanged_inserted(self) -> Cost:
        """Again, when nothing is different."""
        return self._timed(self._insert)

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

    async def _send(self) -> None:
        connection = await asyncpg.connect(without_driver(self._url))
        await row_batches.send_batches(connection, self._run_key)
        await connection.close()

    async def _insert(self) -> None:
        row_batches.insert_batches(self._url, self._run_key)

    def _create_usual(self) -> None:
        async def create() -> None:
            connection = await asyncpg.connect(without_driver(self._url))
            await usual_signals.create_table(connection)
            await connection.close()

        asyncio.run(create())
        self._do("checkpoint")

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
            "first, inserted": hydrations.first_inserted,
            "unchanged, inserted": hydrations.unchanged_inserted,
            "first, sent": hydrations.first_sent,
            "unchanged, sent": hydrations.unchanged_sent,
        },
    )
    signals, by_batches, transactions = hydrations.counts()
    assert signals == by_batches
    assert transactions == 1
    parameters = {"signals": signals}

    def against_both(
        step: str, name: str, *, cpu: bool = False, target: Target | None = None
    ) -> list[Record]:
        def figure(cost: Cost) -> float:
            return cost.total_cpu if cpu else cost.seconds

        kind = name.split(",")[0]
        ours, inserted = costs[step], costs[f"{kind}, inserted"]
        return [
            Record(AREA, name, "s", figure(ours), figure(inserted), _INSERTED, target, parameters),
            Record(AREA, name, "s", figure(ours), figure(costs[f"{kind}, sent"]), _SENT, None, parameters),
        ]

    def records(step: str, budget: float) -> list[Record]:
        most = Target(budget, "ours", at_least=False)
        within = Record(AREA, f"{step}, budget", "s", costs[step].seconds, None, None, most, parameters)
        return [
            *against_both(step, step, target=Target(LEAST_RATIO)),
            within,
            *against_both(step, f"{step}, CPU", cpu=True),
        ]

    measured = [
        *records("first", FIRST_SECONDS),
        *records("unchanged", UNCHANGED_SECONDS),
        *against_both("compared", "unchanged, but the marts made anew"),
    ]
    keep(AREA, measured)
    hold(measured[0])
