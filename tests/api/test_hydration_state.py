"""A hydration that has nothing to do finds that out without comparing a value."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.services.signal_hydrator import HydrationResult
from tests.api.hydrating import hydrate_run, publish_run
from tests.api.marts import add_run, edge, signal_row


@pytest.fixture
def merges(engine: AsyncEngine) -> list[str]:
    """Statements that compare signals with the marts, as they are sent."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "complete as (" in statement:
            seen.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    return seen


async def test_where_no_row_has_changed_nothing_is_compared(
    engine: AsyncEngine, connection: asyncpg.Connection, merges: list[str]
) -> None:
    run_key = await add_run(connection, "1", [signal_row("F1"), signal_row("F2", metric_value=None)])
    first = await publish_run(engine, run_key)
    assert (first.created, first.skipped, len(merges)) == (1, 1, 1)
    again = HydrationResult(processed=2, unchanged=1, skipped=1)
    assert await hydrate_run(engine, run_key) == again
    assert await publish_run(engine, run_key) == again
    assert len(merges) == 1
    # What is asked of some facilities is not known to stand for all, and the other way round.
    assert await hydrate_run(engine, run_key, facility_ids=["F1"]) == HydrationResult(
        processed=1, unchanged=1
    )
    assert len(merges) == 2


@pytest.mark.parametrize(
    "change",
    [
        "update public.signals set metric_value = 7",
        "update public.signals set active = false",
        "delete from public.signals",
        "update public_marts.fct_signals set metric_value = 8",
        "update public_marts.fct_signals set metric_value = metric_value",
        "delete from public_marts.fct_signals where facility_id = 'F2'",
        "delete from public_marts.fct_node_edges",
        "update public.hydrations set state = 'of another version of the program'",
        "delete from public.hydrations",
    ],
)
async def test_any_change_of_a_mart_or_a_signal_is_seen(
    engine: AsyncEngine, connection: asyncpg.Connection, merges: list[str], change: str
) -> None:
    rows = [signal_row("F1"), signal_row("F2")]
    run_key = await add_run(connection, "1", rows, edges=[edge(rows[0]["canonical_node_id"], "elsewhere")])
    await publish_run(engine, run_key)
    await connection.execute(change)
    await hydrate_run(engine, run_key)
    assert len(merges) == 2
    marts = "select metric_value from public_marts.fct_signals order by entity_key"
    signals = "select metric_value from public.signals where active order by entity_key"
    assert await connection.fetch(signals) == await connection.fetch(marts)
    await hydrate_run(engine, run_key)
    assert len(merges) == 2


async def test_every_other_run_is_compared(
    engine: AsyncEngine, connection: asyncpg.Connection, merges: list[str]
) -> None:
    first = await add_run(connection, "1", [signal_row("F1")])
    second = await add_run(connection, "2", [signal_row("F1")])
    for run_key in (first, second, first):
        await publish_run(engine, run_key)
        assert await connection.fetchval("select run_key from public.signals") == run_key
    assert len(merges) == 3
