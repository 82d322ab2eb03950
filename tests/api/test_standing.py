"""Totals and filter options are counted once, and again in the very moment that anything changes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.caching.standing import StandingValues
from backend.config import Settings
from backend.main import create_app
from tests.api.conftest import running
from tests.api.hydrating import publish_run
from tests.api.marts import add_run, signal_row
from tests.api.working import publish_signals

SIGNALS = 5
NEW = "/api/signals?status=new"
OPTIONS = "/api/signals/filter-options"


@pytest.fixture
async def ids(engine: AsyncEngine, connection: asyncpg.Connection) -> list[str]:
    """Signals that nobody works on."""
    return await publish_signals(engine, connection, SIGNALS)


@pytest.fixture
def app(settings: Settings, ids: list[str]) -> FastAPI:
    """An application that keeps no answers."""
    return create_app(settings.model_copy(update={"RESPONSE_CACHE_BYTES": 0}))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ``app``."""
    async with running(app) as opened:
        yield opened


@pytest.fixture
def counts(app: FastAPI, client: httpx.AsyncClient) -> list[str]:
    """Statements that count signals, as they are sent."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "count(*)" in statement and "FROM signals" in statement:
            seen.append(statement)

    event.listen(app.state.engine.sync_engine, "before_cursor_execute", note)
    return seen


async def _get(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_pages_of_a_list_are_counted_once(client: httpx.AsyncClient, counts: list[str]) -> None:
    pages = [await _get(client, f"{NEW}&limit=2&offset={offset}") for offset in (0, 2, 4)]
    assert [len(page["signals"]) for page in pages] == [2, 2, 1]
    assert {page["total_count"] for page in pages} == {SIGNALS}
    ordered = await _get(client, f"{NEW}&sort_by=facility")
    assert ordered["total_count"] == SIGNALS
    assert len(counts) == 1
    # Another filter is another question.
    assert (await _get(client, "/api/signals?status=assigned"))["total_count"] == 0
    assert len(counts) == 2


async def test_a_page_beyond_the_last_has_the_total(client: httpx.AsyncClient, counts: list[str]) -> None:
    for _ in range(2):
        page = await _get(client, "/api/signals?offset=1000")
        assert (page["total_count"], page["signals"], page["next_cursor"]) == (SIGNALS, [], None)
    assert len(counts) == 1


async def test_work_of_others_is_counted_at_once(
    client: httpx.AsyncClient, connection: asyncpg.Connection, ids: list[str]
) -> None:
    """By what the database says, not by what was announced: another process may have written just now."""
    for left in range(SIGNALS - 1, -1, -1):
        await connection.execute(
            "insert into assignments (signal_id, status) values ($1, 'in_progress')", ids[left]
        )
        page = await _get(client, NEW)
        assert page["total_count"] == len(page["signals"]) == left


async def test_a_publish_is_counted_at_once(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, counts: list[str]
) -> None:
    assert (await _get(client, OPTIONS))["counts"]["domain"] == {"Efficiency": SIGNALS}
    assert await _get(client, OPTIONS) == await _get(client, f"{OPTIONS}?system_name=")
    run_key = await add_run(connection, "2", [signal_row("F1", domain="Safety"), signal_row("F2")])
    await publish_run(engine, run_key)
    assert (await _get(client, OPTIONS))["counts"]["domain"] == {"Efficiency": 1, "Safety": 1}
    assert (await _get(client, "/api/signals"))["total_count"] == 2


async def test_options_are_counted_once(client: httpx.AsyncClient, counts: list[str]) -> None:
    first = await _get(client, OPTIONS)
    assert await _get(client, OPTIONS) == first
    assert len(counts) == 1
    assert (await _get(client, f"{OPTIONS}?system_name=nowhere"))["counts"]["domain"] == {}
    assert len(counts) == 2


def test_the_least_used_value_goes() -> None:
    values = StandingValues(capacity=2)
    values.put("a", [1, 1], 10)
    values.put("b", [1, 1], 20)
    assert values.get("a", [1, 1]) == 10
    values.put("c", [1, 1], 30)
    assert [values.get(each, [1, 1]) for each in "abc"] == [10, None, 30]


def test_values_stand_for_their_versions_alone() -> None:
    values = StandingValues()
    values.put("a", [1, 1], 10)
    assert values.get("a", [1, 2]) is None
    assert values.get("a", None) is None
    values.put("a", [1, 2], 11)
    assert (values.get("a", [1, 1]), values.get("a", [1, 2])) == (None, 11)
    values.put("b", None, 20)
    assert values.get("b", None) is None
