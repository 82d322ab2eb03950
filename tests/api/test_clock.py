"""Clocks that jump: the service's own by time-machine, the database's by what it wrote before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import time_machine
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.activity.filters import EventFilters
from backend.config import Settings
from backend.main import create_app
from tests.api import furnished, hostile
from tests.api.conftest import running
from tests.api.hydrating import publish_run
from tests.api.marts import GRAPH, add_run, open_connection, signal_row
from transforms.lifecycle.registry import previous_run

DAY = timedelta(days=1)
JUMPS = [timedelta(days=40), timedelta(days=-40)]


@pytest.fixture(params=JUMPS, ids=["forwards", "backwards"])
def jump(request: pytest.FixtureRequest) -> timedelta:
    """How far the clock jumps."""
    found: timedelta = request.param
    return found


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The clock of this process, which goes on from wherever it is set."""
    with time_machine.travel(datetime.now().astimezone(), tick=True) as traveller:
        yield traveller


@pytest.fixture(scope="module")
def known(ingested_url: str) -> dict[str, str]:
    """Values that parameters can have, in a database with the sample run."""
    return furnished.furnish(ingested_url)


@pytest.fixture
async def client(
    ingested_url: str, known: dict[str, str], clock: time_machine.Traveller
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that started before its clock jumps."""
    settings = Settings(_env_file=None, DATABASE_URL=ingested_url)
    async with running(create_app(settings), reloading=False) as opened:
        yield opened


async def _get(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_answer_goes_on(
    client: httpx.AsyncClient, known: dict[str, str], clock: time_machine.Traveller, jump: timedelta
) -> None:
    """Forwards, backwards, and home again, with answers in memory that were made on either side."""
    settings = Settings(_env_file=None)
    reading = [
        hostile.url(operation, known, {})
        for operation in hostile.operations(create_app(settings).openapi())
        if not operation.writes
    ]
    before = {url: (await client.get(url)).status_code for url in reading}
    assert set(before.values()) == {200}
    for delta in (jump, -jump):
        clock.shift(delta)
        assert {url: (await client.get(url)).status_code for url in reading} == before


async def test_no_signal_is_open_for_less_than_no_time(
    client: httpx.AsyncClient, clock: time_machine.Traveller, jump: timedelta
) -> None:
    first = await _get(client, "/api/signals")
    assert {signal["days_open"] for signal in first["signals"]} == {0}
    clock.shift(jump)
    then = await _get(client, "/api/signals")
    assert {signal["days_open"] for signal in then["signals"]} == {max(0, jump.days)}
    assert [signal["id"] for signal in then["signals"]] == [signal["id"] for signal in first["signals"]]
    clock.shift(-jump)
    assert await _get(client, "/api/signals") == first


async def test_a_held_answer_stands_for_its_data_not_for_its_time(
    client: httpx.AsyncClient, clock: time_machine.Traveller, jump: timedelta
) -> None:
    etag = (await client.get("/api/metadata/summary")).headers["etag"]
    clock.shift(jump)
    again = await client.get("/api/metadata/summary", headers={"If-None-Match": etag})
    assert again.status_code == 304


async def test_work_goes_on(
    client: httpx.AsyncClient, known: dict[str, str], clock: time_machine.Traveller, jump: timedelta
) -> None:
    path = f"/api/signals/{known['signal_id']}"
    for number in range(2):
        made = await client.post(f"{path}/comments", json={"content": f"comment {number}"})
        assert made.status_code == 201, made.text
        moved = await client.patch(f"{path}/status", json={"status": ("in_progress", "assigned")[number]})
        assert moved.status_code == 200, moved.text
        clock.shift(jump)
    newest = (await _get(client, "/api/feed?limit=4"))["events"]
    assert [event["event_type"] for event in newest] == ["status_change", "comment"] * 2
    assert newest[1]["payload"]["content"] == "comment 1"


async def test_rollback_goes_to_the_run_published_before_whatever_the_clock_said(
    engine: AsyncEngine, connection: asyncpg.Connection, migrated_url: str
) -> None:
    for number, run_id in enumerate(("1", "2", "3")):
        await publish_run(engine, await add_run(connection, run_id, [signal_row("F1")]))
        if number == 0:
            # The database's clock was ahead, and is set right.
            await connection.execute("update runs set published_at = published_at + interval '1 day'")
    opened = await open_connection(migrated_url)
    previous = await previous_run(opened, GRAPH)
    await opened.close()
    assert previous is not None
    assert previous.run_id == "2"
    times = await connection.fetch("select run_id from runs order by published_at")
    assert [row["run_id"] for row in times] == ["1", "2", "3"]


async def test_whoever_follows_the_feed_hears_what_is_dated_before_the_last_event(
    settings: Settings, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    add = "insert into activity_events (event_type, payload, created_at) values ('insight', $1, $2)"
    now = datetime.now().astimezone()
    await connection.execute(add, json.dumps({"number": 0}), now + DAY)
    app = create_app(settings)
    async with running(app), app.state.live_feed.stream(None, EventFilters(), None) as stream:
        events = stream.events(seconds=10)
        first = asyncio.ensure_future(anext(events))
        await connection.execute(add, json.dumps({"number": 1}), now)
        assert json.loads((await first).json)["payload"] == {"number": 1}
