"""Runs and databases to take through the lifecycle, and what of a database must stay the same."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from contracts.tables import RAW_TABLES
from tests.support.compass import environment
from tests.support.manifests import connected, until
from tests.support.run_copies import RunCopy
from transforms.database import connection, plain_dsn
from transforms.lifecycle import registry
from transforms.lifecycle.ingest import IngestResult
from transforms.lifecycle.ingest import ingest as ingest_run
from transforms.progress import NoProgress
from transforms.run import open_run
from transforms.schema import upgrade_schema
from transforms.synth import generate_run
from transforms.synth.corruptions.artifacts import CLASSIFICATIONS
from transforms.synth.corruptions.edit import Json

GRAPH = "synthetic"
A, B = f"{GRAPH}/20260301070000", f"{GRAPH}/20260401070000"

_WAITING = """
select exists (
    select from pg_locks l
    join pg_database d on d.oid = l.database
    where d.datname = current_database() and not l.granted and l.locktype = 'relation'
)
"""

_ALONE = """
select not exists (
    select from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
)
"""

# Signals that the published run has and that are not active with its values, and the reverse.
_NOT_SERVED_AS_PUBLISHED = """
select f.entity_key, s.id
from (
    select f.* from public_marts.fct_signals f
    join public.runs r on r.run_key = f.run_key and r.state = 'published'
    where f.metric_value is not null
) as f
full join (select * from public.signals where active) as s
    on s.entity_key = f.entity_key and s.run_key = f.run_key and s.metric_value = f.metric_value
where f.entity_key is null or s.id is null
"""

# What people and publishes leave behind, without the times that no test can know.
_SNAPSHOT = {
    "runs": "select run_key, state from public.runs order by run_key",
    "signals": """
        select (to_jsonb(s) - 'created_at' - 'updated_at' - 'detected_at')::text
        from public.signals s order by s.id
    """,
    "assignments": "select to_jsonb(a)::text from public.assignments a order by a.id",
    "events": """
        select e.event_type, e.signal_id::text, e.payload::text
        from public.activity_events e order by 1, 2, 3
    """,
    "marts": """
        select (to_jsonb(f) - 'loaded_at')::text
        from public_marts.fct_signals f join public.runs r using (run_key)
        where r.state = 'published' order by f.run_key, f.entity_key
    """,
    "contributions": """
        select (to_jsonb(f) - 'loaded_at')::text as row
        from public_marts.fct_contributions f join public.runs r using (run_key)
        where r.state = 'published' order by 1
    """,
}

Snapshot = dict[str, list[tuple[Any, ...]]]

_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A database where run A is published and people have worked on it; run B is in its folder.

    Against A, the first signal of B is worse, the second is gone and the third is new.
    """

    url: str
    a: RunCopy
    b: RunCopy

    @property
    def runs(self) -> dict[str, RunCopy]:
        """Both runs, by key."""
        return {A: self.a, B: self.b}


def make_baseline(database_url: str, folder: Path, *, valid: bool = False) -> Baseline:
    """Write both runs to ``folder``; bring A to served signals, and assign and edit one of them.

    With ``valid`` both keep every rule of the contracts, and B has other signals altogether.
    """
    runs = []
    for number, (run_key, drops) in enumerate(((A, 3), (B, 2))):
        run_id = run_key.split("/")[1]
        run = RunCopy(generate_run(folder, run_id=run_id, facilities=20, seed=number if valid else 0))
        if not valid:
            run.edit_lines(CLASSIFICATIONS, _without(drops))
        runs.append(run)
    if not valid:
        runs[1].edit_line(CLASSIFICATIONS, 1, _worse)
    asyncio.run(upgrade_schema(database_url))
    asyncio.run(ingest(database_url, runs[0]))
    asyncio.run(_work(database_url))
    return Baseline(database_url, *runs)


def _without(number: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [line for index, line in enumerate(lines, 1) if index != number]


def _worse(classification: Json) -> None:
    classification.update(severity=97, signal_type="critical_trajectory")


def orphaned(run: RunCopy) -> RunCopy:
    """Break ``run`` so that it loads, and a data test fails: a classification of no entity."""
    run.edit_line(CLASSIFICATIONS, 1, lambda each: each.update(entity_key={"medicareId": "nobody"}))
    return run


async def _work(database_url: str) -> None:
    async with connected(database_url) as opened:
        user = await opened.fetchval(
            "insert into public.users (email, name, hashed_password) values ('a@b.c', 'A', 'x') returning id"
        )
        # Also the signal that run B does not have.
        await opened.execute(
            "insert into public.assignments (signal_id, assignee_id, status, notes) "
            "select id, $1, 'in_progress', 'looking at it' from public.signals",
            user,
        )
        await opened.execute(
            "update public.signals set description = 'ours', description_edited = true, "
            "why_matters_narrative = 'because' "
            "where id in (select id from public.signals order by id limit 5)"
        )


@contextmanager
def clone(database_url: str) -> Iterator[str]:
    """DSN of a copy of a database, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    source = make_url(database_url)
    admin = source.set(database="postgres").render_as_string(hide_password=False)
    _execute(admin, f'create database "{name}" template "{source.database}"')
    try:
        yield source.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(admin, f'drop database "{name}" with (force)')


def _execute(url: str, statement: str) -> None:
    async def run() -> None:
        opened = await asyncpg.connect(plain_dsn(url))
        try:
            await opened.execute(statement)
        finally:
            await opened.close()

    asyncio.run(run())


async def ingest(
    database_url: str, run: RunCopy, *, force: bool = False, publish: bool = True
) -> IngestResult:
    """Ingest ``run`` in this process."""
    return await ingest_run(
        database_url,
        open_run(run.path),
        progress=NoProgress(),
        force=force,
        skip_preflight=True,
        publish_after=publish,
    )


async def snapshot(database_url: str) -> Snapshot:
    """Registry, signals, assignments, events and the marts that are served."""
    async with connected(database_url) as opened:
        return {name: [tuple(row) for row in await opened.fetch(query)] for name, query in _SNAPSHOT.items()}


async def fail_interrupted(database_url: str) -> None:
    """What every command does first: runs that nobody works on any more count as failed."""
    async with connection(database_url) as opened:
        await registry.fail_interrupted(opened)


async def alone(database_url: str) -> None:
    """Wait until the server has let go of everybody else who used the database."""
    await until(database_url, _ALONE, seconds=20)


async def assert_consistent(database_url: str) -> None:
    """The registry, the raw tables, the marts and the signals tell the same."""
    async with connected(database_url) as opened:
        for run in await opened.fetch("select * from public.runs"):
            run_key, now = run["run_key"], run["state"]
            assert now not in ("loading", "building"), run_key
            assert now != "failed" or run["error"], run_key
            if now == "failed":
                continue
            counts = {
                table.name: await opened.fetchval(
                    f"select count(*) from public.{table.name} where run_key = $1", run_key
                )
                for table in RAW_TABLES
            }
            assert counts == json.loads(run["row_counts"]), run_key
        assert await opened.fetch(_NOT_SERVED_AS_PUBLISHED) == []


async def state(database_url: str, run_key: str) -> tuple[str | None, str | None]:
    """State and error of a run in the registry."""
    async with connected(database_url) as opened:
        row = await opened.fetchrow("select state, error from public.runs where run_key = $1", run_key)
        return (None, None) if row is None else tuple(row)


def start(*arguments: str, database_url: str | None, **extra: str) -> subprocess.Popen[str]:
    """Start `compass` in the background; ``extra`` are environment variables."""
    return subprocess.Popen(
        [sys.executable, "-m", "transforms.cli", *arguments],
        env=environment(database_url, **extra),
        cwd=_REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@asynccontextmanager
async def held_up_at(database_url: str, table: str) -> AsyncIterator[Callable[[], Any]]:
    """Keep everybody from writing to ``table``; readers go on. The result waits for a writer to come."""
    async with connected(database_url) as opened:
        transaction = opened.transaction()
        await transaction.start()
        await opened.execute(f"lock table {table} in share mode")

        async def arrived() -> None:
            await until(database_url, _WAITING, seconds=30)

        try:
            yield arrived
        finally:
            await transaction.rollback()
