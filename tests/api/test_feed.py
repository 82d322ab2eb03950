"""The feed page by page, what of it is unread, the history of a signal, comments."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.config import Settings
from backend.enums import EventType, UserRole
from backend.schemas.activity import Event, EventPage
from tests.api.working import UNKNOWN, add_user, assert_problem, publish_signals, signed_in, stored_events

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


async def _add(
    connection: asyncpg.Connection,
    kind: str = "insight",
    signal: str | None = None,
    created_at: datetime = START,
    payload: dict[str, Any] | None = None,
    user: str | None = None,
) -> str:
    made = await connection.fetchval(
        "insert into activity_events (event_type, signal_id, user_id, payload, created_at)"
        " values ($1, $2, $3, $4, $5) returning id",
        kind,
        signal,
        user,
        json.dumps(payload or {}),
        created_at,
    )
    return str(made)


async def _pages(
    client: httpx.AsyncClient, path: str = "/api/feed", **parameters: Any
) -> list[dict[str, Any]]:
    """All events, page by page."""
    events: list[dict[str, Any]] = []
    cursor = None
    while True:
        given = {**parameters, **({"cursor": cursor} if cursor else {})}
        answer = await client.get(path, params=given)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert EventPage.model_validate(page)
        events += page["events"]
        assert page["has_more"] is (page["cursor"] is not None)
        if not page["has_more"]:
            assert page["total_count"] == len(events)
            return events
        cursor = page["cursor"]


async def test_an_empty_feed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/feed")
    assert answer.json() == {"events": [], "cursor": None, "has_more": False, "total_count": 0}


async def test_an_event(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    made = await _add(connection, "insight", payload={"title": "t", "description": "\N{SNOWMAN}"})
    (event,) = (await client.get("/api/feed")).json()["events"]
    assert Event.model_validate(event)
    assert event == {
        "id": made, "event_type": "insight", "signal_id": None, "user_id": None,
        "payload": {"title": "t", "description": "\N{SNOWMAN}"}, "read": False,
        "created_at": "2026-03-01T08:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_pages_lose_and_repeat_nothing(
    client: httpx.AsyncClient, connection: asyncpg.Connection, limit: int
) -> None:
    # Events of one transaction may have one time; microseconds must not get lost either.
    times = [START] * 5 + [START + timedelta(microseconds=n // 2) for n in range(6)]
    times = times[::2] + times[1::2]
    added = {await _add(connection, created_at=time) for time in times}
    events = await _pages(client, limit=limit)
    assert [event["id"] for event in events] == [
        str(row["id"])
        for row in await connection.fetch("select id from activity_events order by created_at desc, id desc")
    ]
    assert {event["id"] for event in events} == added


async def test_what_comes_between_pages_changes_none_of_them(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    added = [await _add(connection, created_at=START + timedelta(seconds=n)) for n in range(6)]
    seen: list[str] = []
    cursor: str | None = None
    for number in range(3):
        parameters = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/api/feed", params=parameters)).json()
        seen += [event["id"] for event in page["events"]]
        cursor = page["cursor"]
        await _add(connection, created_at=START + timedelta(hours=number + 1))
    assert seen == added[::-1]


async def test_the_cursor_is_safe_in_a_url(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    for _ in range(3):
        await _add(connection)
    cursor = (await client.get("/api/feed?limit=1")).json()["cursor"]
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len((await client.get(f"/api/feed?limit=5&cursor={cursor}")).json()["events"]) == 2


TIMES: list[Any] = [
    "2026-03-01T08:00:02Z",
    "2026-03-01T08:00:02.000000+00:00",
    "2026-03-01T08:00:02 00:00",
    "2026-03-01T08:00:02",
    "2026-03-01T10:00:02+02:00",
    "2026-03-01T10:00:02 02:00",
]


async def test_a_time_is_a_cursor_too(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    added = [await _add(connection, created_at=START + timedelta(seconds=n)) for n in range(4)]
    for cursor in TIMES:
        answer = await client.get("/api/feed", params={"cursor": cursor})
        assert [event["id"] for event in answer.json()["events"]] == [added[1], added[0]]


def _token(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


BAD_CURSORS: list[Any] = [
    "nonsense",
    "!",
    "\0",
    "\N{SNOWMAN}",
    "' or 1=1 --",
    "2026-13-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1",
    _token([]),
    _token(["2026-03-01T08:00:00Z"]),
    _token(["2026-03-01T08:00:00Z", "x"]),
    _token(["2026-03-01T08:00:00Z", None]),
    _token(["yesterday", UNKNOWN]),
    _token([1, UNKNOWN]),
    _token([None, UNKNOWN]),
    _token({"a": 1, "b": 2}),
]


async def test_other_cursors_are_refused(client: httpx.AsyncClient) -> None:
    for cursor in BAD_CURSORS:
        answer = await client.get("/api/feed", params={"cursor": cursor})
        assert "cursor" in assert_problem(answer, 400, "cursor-invalid")["detail"].lower()


async def test_filters(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    one, two = await publish_signals(engine, connection, 2)
    ann = await add_user(connection)
    kinds = [kind.value for kind in EventType]
    for number, kind in enumerate(kinds):
        await _add(connection, kind, one, START + timedelta(seconds=number))
    await _add(connection, "comment", two, START - timedelta(days=1), user=ann)
    assert len(await _pages(client, limit=3)) == 11
    of_one = await _pages(client, signal_id=one, limit=3)
    assert [event["event_type"] for event in of_one] == kinds[::-1]
    for kind in kinds:
        found = await _pages(client, event_type=kind, signal_id=one)
        assert [(event["event_type"], event["signal_id"]) for event in found] == [(kind, one)]
    assert len(await _pages(client, event_type="comment", limit=1)) == 2
    assert [event["user_id"] for event in await _pages(client, user_id=ann)] == [ann]
    for since in ("2026-03-01T08:00:08Z", "2026-03-01T08:00:08", "2026-03-01T10:00:08+02:00"):
        assert len(await _pages(client, since=since)) == 2
    assert await _pages(client, signal_id=UNKNOWN) == []


BAD_PARAMETERS: list[Any] = [
    {"limit": 0},
    {"limit": 101},
    {"limit": "x"},
    {"signal_id": "x"},
    {"signal_id": "\0"},
    {"event_type": "nothing"},
    {"event_type": "new_signal' --"},
    {"user_id": "x"},
    {"since": "x"},
    {"since": "0.5"},
    {"since": "1772352000"},
    {"since": "0001-01-01T00:00:00+14:00"},
    {"cursor": "x" * 2001},
]


async def test_parameters_have_limits(client: httpx.AsyncClient) -> None:
    for parameters in BAD_PARAMETERS:
        answer = await client.get("/api/feed", params=parameters)
        assert answer.status_code == 422, parameters
        assert answer.json()["errors"][0]["field"] == next(iter(parameters))


@pytest.mark.parametrize("names", [("old_status", "new_status"), ("from_status", "to_status")])
async def test_both_spellings_of_a_status_change(
    client: httpx.AsyncClient, connection: asyncpg.Connection, names: tuple[str, str]
) -> None:
    await _add(connection, "status_change", payload={names[0]: "assigned", names[1]: "new", "notes": None})
    await _add(connection, "status_change", created_at=START - timedelta(days=1))
    newer, older = (await client.get("/api/feed")).json()["events"]
    assert newer["payload"] == {
        "old_status": "assigned", "from_status": "assigned", "new_status": "new", "to_status": "new",
        "notes": None,
    }  # fmt: skip
    assert older["payload"] == dict.fromkeys(("old_status", "from_status", "new_status", "to_status"))


async def test_marking_as_read(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    (signal,) = await publish_signals(engine, connection)
    one, two = await _add(connection, signal=signal), await _add(connection)
    assert (await client.get("/api/feed/unread-count")).json() == {"count": 2}
    for _ in range(2):
        answer = await client.post(f"/api/feed/{one}/mark-read")
        assert answer.status_code == 200
        assert (answer.json()["id"], answer.json()["read"]) == (one, True)
        assert (await client.get("/api/feed/unread-count")).json() == {"count": 1}
    assert (await client.get("/api/feed/unread-count", params={"signal_id": signal})).json() == {"count": 0}
    assert {event["id"]: event["read"] for event in await _pages(client)} == {one: True, two: False}
    assert (await client.post("/api/feed/mark-all-read")).json() == {"marked": 1}
    assert (await client.post("/api/feed/mark-all-read")).json() == {"marked": 0}
    assert (await client.get("/api/feed/unread-count")).json() == {"count": 0}


async def test_marking_all_of_a_signal(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    one, two = await publish_signals(engine, connection, 2)
    for signal in (one, one, two):
        await _add(connection, signal=signal)
    answer = await client.post("/api/feed/mark-all-read", params={"signal_id": one})
    assert answer.json() == {"marked": 2}
    for signal, left in ((one, 0), (two, 1)):
        count = await client.get("/api/feed/unread-count", params={"signal_id": signal})
        assert count.json() == {"count": left}


async def test_what_is_marked_must_be_an_event(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"/api/feed/{UNKNOWN}/mark-read")
    assert "Event not found" in assert_problem(answer, 404, "event-not-found")["detail"]
    for path in ("/api/feed/x/mark-read", "/api/feed/mark-all-read?signal_id=x"):
        assert (await client.post(path)).status_code == 422
    assert (await client.get("/api/feed/unread-count?signal_id=x")).status_code == 422


async def test_users_mark_for_themselves(
    settings: Settings, client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    one, two = await _add(connection), await _add(connection)
    async with (
        signed_in(settings, engine, UserRole.VIEWER) as (viewer, _),
        signed_in(settings, engine, UserRole.ADMIN) as (admin, _),
    ):
        for _ in range(2):
            assert (await viewer.post(f"/api/feed/{one}/mark-read")).json()["read"] is True
        for reader, unread in ((viewer, 1), (admin, 2), (client, 2)):
            assert (await reader.get("/api/feed/unread-count")).json() == {"count": unread}
        assert (await client.post("/api/feed/mark-all-read")).json() == {"marked": 2}
        assert {event["id"]: event["read"] for event in await _pages(viewer)} == {one: True, two: False}
        assert (await viewer.post("/api/feed/mark-all-read")).json() == {"marked": 1}
        assert (await admin.get("/api/feed/unread-count")).json() == {"count": 2}
    assert await connection.fetchval("select count(*) from event_reads") == 2


async def test_many_mark_everything_at_once(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, settings: Settings
) -> None:
    await connection.execute(
        "insert into activity_events (event_type) select 'insight' from generate_series(1, 500)"
    )
    answers = await asyncio.gather(*(client.post("/api/feed/mark-all-read") for _ in range(8)))
    assert sum(answer.json()["marked"] for answer in answers) == 500
    async with signed_in(settings, engine, UserRole.VIEWER) as (viewer, _):
        answers = await asyncio.gather(*(viewer.post("/api/feed/mark-all-read") for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert await connection.fetchval("select count(*) from event_reads") == 500


async def test_history(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    one, two, quiet = await publish_signals(engine, connection, 3)
    path = f"/api/signals/{one}/history"
    for status in ("assigned", "in_progress", "resolved"):
        await client.patch(f"/api/signals/{one}/status", json={"status": status})
    await client.post(f"/api/signals/{one}/comments", json={"content": "x"})
    await client.patch(f"/api/signals/{two}/status", json={"status": "assigned"})
    for limit in (1, 3, 100):
        events = await _pages(client, path, limit=limit)
        assert [event["payload"].get("new_status") for event in events] == [
            None, "resolved", "in_progress", "assigned",
        ]  # fmt: skip
    assert [event["event_type"] for event in await _pages(client, path, event_type="comment")] == ["comment"]
    assert await _pages(client, f"/api/signals/{quiet}/history") == []
    assert_problem(await client.get(f"/api/signals/{UNKNOWN}/history"), 404, "signal-not-found")
    assert (await client.get("/api/signals/x/history")).status_code == 422
    assert_problem(await client.get(path, params={"cursor": "x"}), 400, "cursor-invalid")


async def test_comments(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, settings: Settings
) -> None:
    (signal,) = await publish_signals(engine, connection)
    path = f"/api/signals/{signal}/comments"
    await connection.execute("update signals set active = false")
    body = {"content": "<b>\N{SNOWMAN}</b>\n'--", "mentions": ["Ann", "Bob"], "author_name": "Eve"}
    answer = await client.post(path, json=body)
    assert answer.status_code == 201
    assert Event.model_validate(answer.json())
    assert answer.json()["payload"] == {
        "author_name": "Eve", "content": "<b>\N{SNOWMAN}</b>\n'--", "mentions": ["Ann", "Bob"],
    }  # fmt: skip
    assert (await client.get("/api/feed")).json()["events"] == [answer.json()]
    plain = (await client.post(path, json={"content": "x"})).json()
    assert plain["payload"] == {"author_name": "local", "content": "x", "mentions": []}
    async with signed_in(settings, engine, UserRole.ADMINISTRATION) as (lead, me):
        event = (await lead.post(path, json=body)).json()
        assert (event["user_id"], event["payload"]["author_name"]) == (me, "administration@keys.example")
    answer = await client.post(f"/api/signals/{UNKNOWN}/comments", json=body)
    assert_problem(answer, 404, "signal-not-found")


BAD_COMMENTS: list[Any] = [
    {},
    {"content": ""},
    {"content": " \n"},
    {"content": None},
    {"content": 1},
    {"content": "\0"},
    {"content": "x" * 10_001},
    {"content": "x", "mentions": "Ann"},
    {"content": "x", "mentions": [1]},
    {"content": "x", "mentions": ["Ann"] * 51},
    {"content": "x", "mentions": ["y" * 256]},
    {"content": "x", "author_name": "\0"},
    {"content": "x", "mentions": ["\0"]},
]


async def test_comments_have_limits(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    for body in BAD_COMMENTS:
        answer = await client.post(f"/api/signals/{UNKNOWN}/comments", json=body)
        assert answer.status_code == 422, body
        assert await stored_events(connection) == []


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/feed"), ("DELETE", "/api/feed/unread-count")])
async def test_other_methods(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert_problem(await client.request(method, path), 405, "method-not-allowed")
