"""Live updates of the feed, from a server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.activity.errors import TooManyStreams
from backend.activity.filters import EventFilters
from backend.activity.live import LiveEvent, LiveFeed
from backend.db.listener import Listener
from backend.schemas.activity import Event
from tests.api.marts import open_connection
from tests.api.working import assert_problem, publish_signals
from tests.support.compass import serving

pytestmark = pytest.mark.slow

SOON = 10.0
PATH = "/api/feed/stream"
_WAITING = "select exists (select from pg_locks where relation = 'activity_events'::regclass and not granted)"
_ADD = "insert into activity_events (event_type, payload) values ($1, $2) returning position"


@dataclass(frozen=True, slots=True)
class Block:
    """What a server sends between two blank lines."""

    id: str | None
    data: dict[str, Any] | None
    retry: str | None


@pytest.fixture(scope="module")
def server(migrated_url: str) -> Iterator[str]:
    """Address of a server that runs for all tests."""
    with serving(migrated_url) as client:
        yield str(client.base_url)


@asynccontextmanager
async def _stream(
    server: str, last: int | str | None = None, **parameters: Any
) -> AsyncIterator[AsyncIterator[Block]]:
    """What a stream sends, once the server has begun it."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with (
        httpx.AsyncClient(base_url=server, timeout=httpx.Timeout(SOON, read=60)) as client,
        client.stream("GET", PATH, headers=headers, params=parameters) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-cache" in answer.headers["cache-control"]
        yield _blocks(answer)


async def _blocks(answer: httpx.Response) -> AsyncIterator[Block]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            assert name not in fields or not name
            fields[name] = value
        else:
            data = fields.get("data")
            yield Block(fields.get("id"), None if data is None else json.loads(data), fields.get("retry"))
            fields = {}


async def _next(blocks: AsyncIterator[Block]) -> Block:
    async with asyncio.timeout(SOON):
        return await anext(blocks)


async def _take(blocks: AsyncIterator[Block], count: int) -> list[Block]:
    """The next events; what only keeps the connection alive is left out."""
    taken: list[Block] = []
    async with asyncio.timeout(6 * SOON):
        while len(taken) < count:
            block = await anext(blocks)
            if block.data is not None:
                taken.append(block)
    return taken


async def _add(connection: asyncpg.Connection, number: int = 0, kind: str = "insight") -> int:
    position: int = await connection.fetchval(_ADD, kind, json.dumps({"number": number}))
    return position


async def test_events_arrive_as_they_happen(
    server: str, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    (signal,) = await publish_signals(engine, connection)
    before = await _add(connection)
    async with _stream(server) as blocks, httpx.AsyncClient(base_url=server) as client:
        first = await _next(blocks)
        assert (first.data, first.id, first.retry) == (None, str(before), "2000")
        made = (await client.post(f"/api/signals/{signal}/comments", json={"content": "a\n\nb"})).json()
        await client.patch(f"/api/signals/{signal}/status", json={"status": "assigned"})
        comment, move = await _take(blocks, 2)
        assert comment.data == made
        assert move.data is not None
        assert Event.model_validate(move.data)
        assert move.data == (await client.get("/api/feed")).json()["events"][0]
        stored = await connection.fetch("select position from activity_events order by position")
        assert [before, int(comment.id or 0), int(move.id or 0)] == [row["position"] for row in stored]


async def test_whoever_comes_back_has_missed_nothing(server: str, connection: asyncpg.Connection) -> None:
    positions = [await _add(connection, number) for number in range(5)]
    async with _stream(server, positions[1]) as blocks:
        assert (await _next(blocks)).id == str(positions[1])
        assert [block.id for block in await _take(blocks, 3)] == [str(each) for each in positions[2:]]
    # The header counts more than the parameter, which stays in the address when a browser reconnects.
    async with _stream(server, positions[3], last_event_id=positions[0]) as blocks:
        assert [block.id for block in await _take(blocks, 1)] == [str(positions[4])]
    async with _stream(server, last_event_id=positions[0]) as blocks:
        assert [block.id for block in await _take(blocks, 4)] == [str(each) for each in positions[1:]]
    # A position of another database, whose feed was longer.
    async with _stream(server, 2**63 - 1) as blocks:
        assert (await _next(blocks)).id == str(positions[4])
        assert [block.id for block in await _take_added(blocks, connection)]


async def _take_added(blocks: AsyncIterator[Block], connection: asyncpg.Connection) -> list[Block]:
    position = await _add(connection)
    taken = await _take(blocks, 1)
    assert taken[0].id == str(position)
    return taken


async def test_nothing_is_lost_or_repeated_while_writers_write(
    server: str, migrated_url: str, connection: asyncpg.Connection
) -> None:
    writers, each = 6, 30
    start = await _add(connection)

    async def write(writer: int) -> None:
        other = await open_connection(migrated_url)
        try:
            for number in range(each):
                async with other.transaction():
                    await _add(other, writer * 1000 + number)
                    # Some commit later than others, which began after them.
                    await asyncio.sleep(0.004 * ((writer * 7 + number) % 3))
        finally:
            await other.close()

    async def follow(pieces: int) -> list[Block]:
        """Read, breaking off after every few events and coming back."""
        seen: list[Block] = []
        last = start
        while len(seen) < writers * each:
            async with _stream(server, last) as blocks:
                seen += await _take(blocks, min(pieces, writers * each - len(seen)))
            last = int(seen[-1].id or 0)
        return seen

    async with asyncio.TaskGroup() as group:
        followers = [group.create_task(follow(pieces)) for pieces in (7, 40, 1000)]
        for writer in range(writers):
            group.create_task(write(writer))
    stored = await connection.fetch(
        "select position from activity_events where position > $1 order by position", start
    )
    for follower in followers:
        assert [block.id for block in follower.result()] == [str(row["position"]) for row in stored]


async def test_a_burst_larger_than_any_queue(server: str, connection: asyncpg.Connection) -> None:
    async with _stream(server) as blocks:
        await _next(blocks)
        await connection.execute(
            "insert into activity_events (event_type, payload)"
            " select 'insight', jsonb_build_object('number', n, 'text', repeat('x', 2000))"
            " from generate_series(1, 3000) as n"
        )
        taken = await _take(blocks, 3000)
    assert [block.data["payload"]["number"] for block in taken if block.data] == list(range(1, 3001))


async def test_filters(server: str, engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    one, two = await publish_signals(engine, connection, 2)
    insert = "insert into activity_events (event_type, signal_id) values ($1, $2) returning position"
    start = await _add(connection)
    added: dict[tuple[str, str], list[str]] = {}

    async def add() -> None:
        for kind in ("comment", "insight"):
            for signal in (one, two):
                position = await connection.fetchval(insert, kind, signal)
                added.setdefault((kind, signal), []).append(str(position))

    await add()
    # Of what was before as of what comes later.
    async with (
        _stream(server, start, signal_id=one, event_type="comment") as narrow,
        _stream(server, start, signal_id=two) as of_two,
    ):
        await _take(narrow, 1)
        await _take(of_two, 2)
        await add()
        assert [block.id for block in await _take(narrow, 1)] == added["comment", one][1:]
        assert [block.id for block in await _take(of_two, 2)] == [
            added["comment", two][1], added["insight", two][1],
        ]  # fmt: skip


async def test_many_streams_hold_no_database_connection(server: str, connection: asyncpg.Connection) -> None:
    """More streams than the pool has connections: all get the event, and requests are answered."""
    async with asyncio.timeout(60):
        streams = [_stream(server) for _ in range(50)]
        opened = [await stream.__aenter__() for stream in streams]
        try:
            for blocks in opened:
                await _next(blocks)
            busy = await connection.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and state <> 'idle'"
            )
            assert busy == 0
            async with httpx.AsyncClient(base_url=server) as client:
                assert (await client.get("/api/feed")).status_code == 200
            position = await _add(connection)
            for blocks in opened:
                assert [block.id for block in await _take(blocks, 1)] == [str(position)]
        finally:
            for stream in streams:
                await stream.__aexit__(None, None, None)


async def test_a_lost_connection_of_the_listener_loses_no_event(
    server: str, connection: asyncpg.Connection
) -> None:
    async with _stream(server) as blocks:
        await _next(blocks)
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'quality-compass-listener'"
        )
        position = await _add(connection)
        assert [block.id for block in await _take(blocks, 1)] == [str(position)]


async def test_a_stream_ends_in_time(server: str, connection: asyncpg.Connection) -> None:
    started = time.monotonic()
    async with _stream(server, seconds=1) as blocks:
        assert [block.data async for block in blocks] == [None]
    assert 1 <= time.monotonic() - started < SOON


async def test_parameters_have_limits(server: str, connection: asyncpg.Connection) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        for parameters in (
            {"seconds": 0}, {"seconds": 901}, {"last_event_id": -1}, {"last_event_id": 2**63},
            {"last_event_id": "x"}, {"signal_id": "x"}, {"event_type": "'--"},
        ):  # fmt: skip
            assert (await client.get(PATH, params=parameters)).status_code == 422
        for header in ("x", "-1", "9" * 30):
            assert (await client.get(PATH, headers={"Last-Event-ID": header})).status_code == 422


async def test_there_are_streams_for_so_many_only(engine: AsyncEngine, migrated_url: str) -> None:
    feed = LiveFeed(engine, Listener(migrated_url), max_streams=1)
    async with feed.stream(None, EventFilters(), None):
        with pytest.raises(TooManyStreams) as refused:
            async with feed.stream(None, EventFilters(), None):
                pass
        assert (refused.value.status, refused.value.headers()) == (503, {"Retry-After": "30"})
    async with feed.stream(None, EventFilters(), None):
        pass


async def test_what_happens_while_a_stream_catches_up(
    engine: AsyncEngine, migrated_url: str, connection: asyncpg.Connection
) -> None:
    """Too late for what the stream reads, and offered before it has read it."""
    feed = LiveFeed(engine, Listener(migrated_url))
    other = await open_connection(migrated_url)
    try:
        async with feed.stream(None, EventFilters(), None) as stream:
            async with other.transaction():
                await other.execute("lock table activity_events in access exclusive mode")
                first = asyncio.ensure_future(anext(stream.events(SOON)))
                while not await connection.fetchval(_WAITING):
                    await asyncio.sleep(0.01)
                position = await _add(other)
                stream.offer(LiveEvent(position, None, "insight", "{}"))
            assert (await first).position == position
    finally:
        await other.close()


async def test_what_fails_at_the_beginning_is_said_with_a_status(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    await connection.execute("alter table activity_events rename to hidden")
    try:
        answer = await client.get(PATH)
    finally:
        await connection.execute("alter table hidden rename to activity_events")
    assert_problem(answer, 500, "internal-error")


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_server_stops_while_clients_listen(
    migrated_url: str, connection: asyncpg.Connection, workers: int
) -> None:
    with ExitStack() as running:
        server = str(running.enter_context(serving(migrated_url, "--workers", str(workers))).base_url)
        async with _stream(server) as blocks:
            await _next(blocks)
            started = time.monotonic()
            await asyncio.to_thread(running.close)
            assert time.monotonic() - started < SOON
            # The end of the stream, not of the connection.
            with suppress(StopAsyncIteration):
                assert (await _next(blocks)).data is None
