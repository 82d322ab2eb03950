"""Filling empty tables: their indexes are left out meanwhile, and there again afterwards."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.db.models import Signal
from backend.errors import MartValueInvalid
from backend.services import bulk
from backend.services.signal_hydrator import HydrationResult
from tests.api.hydrating import events, publish_run, signals_by_id
from tests.api.marts import add_run, signal_row

INDEXES = (
    "select indexdef from pg_indexes where schemaname = 'public' and tablename = any($1) order by indexname"
)
TABLES = ["signals", "activity_events"]
CONSTRAINTS = """
select conrelid::regclass::text as of_table, conname, pg_get_constraintdef(oid) as definition
from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2
"""


@pytest.fixture(autouse=True)
def few_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every first hydration is large."""
    monkeypatch.setattr(bulk, "LEAST_ROWS", 1)


async def _inside(connection: AsyncConnection) -> int:
    count = "select count(*) from pg_indexes where schemaname = 'public' and tablename = 'signals'"
    found: int = (await connection.execute(text(count))).scalar_one()
    return found


async def test_all_that_was_left_out_is_made_again(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    before = await connection.fetch(INDEXES, TABLES), await connection.fetch(CONSTRAINTS)
    rows = [signal_row("F1"), signal_row("F2")]
    result = await publish_run(engine, await add_run(connection, "1", rows))
    assert result == HydrationResult(processed=2, created=2)
    assert (await connection.fetch(INDEXES, TABLES), await connection.fetch(CONSTRAINTS)) == before
    assert len(await events(connection, "new_signal")) == 2
    again = await publish_run(engine, await add_run(connection, "2", [*rows, signal_row("F3")]))
    assert again == HydrationResult(processed=3, created=1, updated=2)


async def test_what_unique_indexes_forbid_is_found_out_all_the_same(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    before = await connection.fetch(INDEXES, TABLES), await connection.fetch(CONSTRAINTS)
    row = signal_row("F1")
    twin = {**row, "entity_key": "0" * 32}
    with pytest.raises(MartValueInvalid, match="uq_signals_identity"):
        await publish_run(engine, await add_run(connection, "1", [row, twin]))
    assert (await connection.fetch(INDEXES, TABLES), await connection.fetch(CONSTRAINTS)) == before
    assert await signals_by_id(connection) == {}


async def test_indexes_stay_where_there_are_rows(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    async with engine.begin() as opened:
        all_of_them = await _inside(opened)
        async with bulk.filling(opened, Signal.__table__, 1):
            assert await _inside(opened) == 1, "the primary key"
        assert await _inside(opened) == all_of_them
    await publish_run(engine, await add_run(connection, "1", [signal_row("F1")]))
    async with engine.begin() as opened, bulk.filling(opened, Signal.__table__, 1):
        assert await _inside(opened) == all_of_them


async def test_who_does_not_own_a_table_leaves_its_indexes(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    await connection.execute("drop role if exists compass_guest")
    await connection.execute("create role compass_guest")
    await connection.execute("grant select on public.signals to compass_guest")
    try:
        async with engine.begin() as opened:
            all_of_them = await _inside(opened)
            await opened.execute(text("set local role compass_guest"))
            async with bulk.filling(opened, Signal.__table__, 1):
                assert await _inside(opened) == all_of_them
    finally:
        await connection.execute("drop owned by compass_guest")
        await connection.execute("drop role compass_guest")
