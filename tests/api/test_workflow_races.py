"""Two at once: one succeeds, the other is told what is now, and nothing is half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.marts import open_connection
from tests.api.working import UNKNOWN, add_user, assert_problem, publish_signals, stored_events

_WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and query like '%assignments%'
"""


@pytest.fixture
async def signals(engine: AsyncEngine, connection: asyncpg.Connection) -> list[str]:
    """Ids of three signals."""
    return await publish_signals(engine, connection, 3)


@asynccontextmanager
async def _changing(
    url: str,
    connection: asyncpg.Connection,
    waiting: list[asyncio.Task[httpx.Response]],
    statement: str,
    *given: Any,
) -> AsyncIterator[None]:
    """Hold a change open until ``waiting`` requests, started within the block, wait for it; then commit."""
    other = await open_connection(url)
    try:
        async with other.transaction():
            await other.execute(statement, *given)
            yield
            while await connection.fetchval(_WAITING) < len(waiting):
                await asyncio.sleep(0.01)
    finally:
        await other.close()


def _move(client: httpx.AsyncClient, signal: str, status: str, **more: Any) -> asyncio.Task[httpx.Response]:
    headers = more.pop("headers", None)
    body = {"status": status, **more}
    return asyncio.create_task(client.patch(f"/api/signals/{signal}/status", json=body, headers=headers))


_MOVE = "update assignments set status = 'in_progress', version = version + 1 where signal_id = $1"


async def test_of_two_who_move_a_signal_one_is_told(
    client: httpx.AsyncClient, connection: asyncpg.Connection, migrated_url: str, signals: list[str]
) -> None:
    for signal, headers, kind in (
        (signals[0], {}, (409, "assignment-changed")),
        (signals[1], {"If-Match": '"1"'}, (412, "precondition-failed")),
    ):
        await client.patch(f"/api/signals/{signal}/status", json={"status": "assigned"})
        told = await stored_events(connection)
        waiting: list[asyncio.Task[httpx.Response]] = []
        async with _changing(migrated_url, connection, waiting, _MOVE, signal):
            # The same move, another one, and one that the new status would allow as well.
            waiting += [_move(client, signal, status, headers=headers) for status in ("in_progress", "new")]
        for answer in await asyncio.gather(*waiting):
            body = assert_problem(answer, *kind)
            assert (body["current_status"], body["current"]["version"]) == ("in_progress", 2)
            assert "in_progress" in body["detail"]
        assert await stored_events(connection) == told


async def test_many_who_move_a_signal_at_once(
    client: httpx.AsyncClient, connection: asyncpg.Connection, signals: list[str]
) -> None:
    for status in ("assigned", "in_progress", "resolved", "closed"):
        answers = await asyncio.gather(*(_move(client, signals[0], status) for _ in range(10)))
        codes = sorted(answer.status_code for answer in answers)
        # Whoever reads after the first has changed finds a transition that the table does not have.
        assert codes[0] == 200
        assert set(codes[1:]) <= {400, 409}
    events = await stored_events(connection)
    assert [event["payload"]["new_status"] for event in events] == [
        "assigned", "in_progress", "resolved", "closed",
    ]  # fmt: skip


async def test_many_first_assignments_at_once(
    client: httpx.AsyncClient, connection: asyncpg.Connection, signals: list[str]
) -> None:
    users = [await add_user(connection, f"User{number}") for number in range(8)]
    answers = await asyncio.gather(
        *(
            client.post(
                f"/api/signals/{signals[0]}/assign",
                json={"assignee_id": user, "role_type": "administration"},
            )
            for user in users
        )
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    events = await stored_events(connection)
    # Every success is in the history, in the order of the versions; the last one stands.
    done = sorted((a.json() for a in answers if a.status_code == 200), key=lambda each: each["version"])
    assert done
    assert [each["version"] for each in done] == list(range(1, len(done) + 1))
    assert [event["payload"]["assignee_id"] for event in events] == [each["assignee_id"] for each in done]
    stands = (await client.get(f"/api/signals/{signals[0]}/assignment")).json()
    assert stands == done[-1]


async def test_a_bulk_assignment_that_lost_a_race_assigns_nothing(
    client: httpx.AsyncClient, connection: asyncpg.Connection, migrated_url: str, signals: list[str]
) -> None:
    ann = await add_user(connection)
    await client.patch(f"/api/signals/{signals[1]}/status", json={"status": "assigned"})
    told = await stored_events(connection)
    body = {"assignee_id": ann, "role_type": "administration", "signal_ids": signals}
    waiting: list[asyncio.Task[httpx.Response]] = []
    async with _changing(migrated_url, connection, waiting, _MOVE, signals[1]):
        waiting.append(asyncio.create_task(client.post("/api/signals/bulk-assign", json=body)))
    problem = assert_problem(await waiting[0], 409, "bulk-assignment-refused")
    (failure,) = problem["failures"]
    assert (failure["signal_id"], failure["problem"]) == (signals[1], "assignment-changed")
    assert failure["current_status"] == "in_progress"
    assert await connection.fetchval("select count(*) from assignments") == 1
    assert await stored_events(connection) == told


async def test_bulk_assignments_in_any_order_do_not_block_each_other(
    client: httpx.AsyncClient, connection: asyncpg.Connection, engine: AsyncEngine
) -> None:
    signals = await publish_signals(engine, connection, 30)
    ann = await add_user(connection)
    body = {"assignee_id": ann, "role_type": "administration"}
    answers = await asyncio.gather(
        *(
            client.post("/api/signals/bulk-assign", json={**body, "signal_ids": ids})
            for ids in (signals, signals[::-1], signals[15:] + signals[:15]) * 4
        ),
        *(_move(client, signal, "in_progress") for signal in signals),
    )
    assert {answer.status_code for answer in answers} <= {200, 400, 409}
    accepted = sum(len(signals) for answer in answers[:12] if answer.status_code == 200)
    accepted += sum(answer.status_code == 200 for answer in answers[12:])
    assert accepted == len(await stored_events(connection))


async def test_who_leaves_meanwhile_is_not_assigned(
    client: httpx.AsyncClient, connection: asyncpg.Connection, migrated_url: str, signals: list[str]
) -> None:
    ann = await add_user(connection)
    waiting: list[asyncio.Task[httpx.Response]] = []
    leave = "update users set is_active = false where id = $1"
    async with _changing(migrated_url, connection, waiting, leave, ann):
        body = {"assignee_id": ann, "role_type": "administration"}
        waiting.append(asyncio.create_task(client.post(f"/api/signals/{signals[0]}/assign", json=body)))
    assert_problem(await waiting[0], 400, "assignee-inactive")
    assert await connection.fetchval("select count(*) from assignments") == 0


async def test_a_publish_holds_up_nobody(
    client: httpx.AsyncClient, connection: asyncpg.Connection, migrated_url: str, signals: list[str]
) -> None:
    ann = await add_user(connection)
    publishing = await open_connection(migrated_url)
    try:
        async with publishing.transaction():
            await publishing.execute("update signals set metric_value = 2, run_id = '2'")
            body = {"assignee_id": ann, "role_type": "administration"}
            answer = await client.post(f"/api/signals/{signals[0]}/assign", json=body)
            assert answer.status_code == 200
            assert (await _move(client, signals[0], "in_progress")).status_code == 200
            assert (await _move(client, signals[1], "assigned")).status_code == 200
            comment = await client.post(f"/api/signals/{signals[1]}/comments", json={"content": "x"})
            assert comment.status_code == 201
    finally:
        await publishing.close()


async def test_an_assignment_that_is_not_written_down_is_not_made(
    client: httpx.AsyncClient, connection: asyncpg.Connection, signals: list[str]
) -> None:
    await connection.execute(
        "alter table activity_events add constraint no_more check (event_type = 'comment') not valid"
    )
    try:
        assert (await _move(client, signals[0], "assigned")).status_code == 500
        assert (await client.get(f"/api/signals/{signals[0]}/assignment")).status_code == 404
    finally:
        await connection.execute("alter table activity_events drop constraint no_more")
    assert (await client.get(f"/api/signals/{UNKNOWN}/assignment")).status_code == 404
