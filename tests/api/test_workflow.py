"""Assigning signals and moving them on, one request after the other."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.config import Settings
from backend.enums import UserRole
from backend.schemas.workflow import Assignment, BulkAssignments
from tests.api.working import UNKNOWN, add_user, assert_problem, publish_signals, signed_in, stored_events

ALL = ("new", "assigned", "in_progress", "resolved", "closed")
LEGAL = {
    ("new", "assigned"),
    ("assigned", "in_progress"),
    ("assigned", "new"),
    ("in_progress", "resolved"),
    ("in_progress", "assigned"),
    ("resolved", "closed"),
    ("resolved", "in_progress"),
}
WAY_TO = {
    "new": ("assigned", "new"),
    "assigned": ("assigned",),
    "in_progress": ("assigned", "in_progress"),
    "resolved": ("assigned", "in_progress", "resolved"),
    "closed": ("assigned", "in_progress", "resolved", "closed"),
}


@pytest.fixture
async def signal(engine: AsyncEngine, connection: asyncpg.Connection) -> str:
    """Id of a signal."""
    return (await publish_signals(engine, connection))[0]


@pytest.fixture
async def ann(connection: asyncpg.Connection) -> str:
    """Id of an active user."""
    return await add_user(connection)


def _request(user: str, **values: Any) -> dict[str, Any]:
    return {"assignee_id": user, "role_type": "clinical_leadership", **values}


async def _assign(client: httpx.AsyncClient, signal: str, user: str, **values: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/signals/{signal}/assign", json=_request(user, **values))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def _move(client: httpx.AsyncClient, signal: str, *statuses: str, **values: Any) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for status in statuses:
        answer = await client.patch(f"/api/signals/{signal}/status", json={"status": status, **values})
        assert answer.status_code == 200, answer.text
        body = answer.json()
    return body


async def test_assigning(
    client: httpx.AsyncClient, connection: asyncpg.Connection, signal: str, ann: str
) -> None:
    answer = await client.post(f"/api/signals/{signal}/assign", json=_request(ann, notes="By Friday"))
    assert answer.status_code == 200
    body = answer.json()
    assert Assignment.model_validate(body)
    assert set(body) == set(Assignment.model_fields)
    assert answer.headers["etag"] == '"1"'
    expected = {
        "signal_id": signal, "assignee_id": ann, "assigner_id": None, "status": "assigned",
        "role_type": "clinical_leadership", "notes": "By Friday", "resolution_notes": None,
        "started_at": None, "resolved_at": None, "closed_at": None, "version": 1,
    }  # fmt: skip
    assert {name: body[name] for name in expected} == expected
    assert body["assigned_at"].endswith("Z")
    (event,) = await stored_events(connection)
    assert (event["event_type"], str(event["signal_id"]), event["user_id"]) == ("assignment", signal, None)
    assert event["payload"] == {
        "assignee_id": ann, "assignee_name": "Ann", "role_type": "clinical_leadership",
        "notes": "By Friday", "actor_name": "local", "old_status": "new", "from_status": "new",
        "new_status": "assigned", "to_status": "assigned",
    }  # fmt: skip
    assert (await client.get(f"/api/signals/{signal}/assignment")).json() == body
    listed = (await client.get("/api/signals", params={"assignee": ann})).json()["signals"]
    assert [each["workflow_status"] for each in listed] == ["assigned"]


async def test_assigning_again_starts_anew(
    client: httpx.AsyncClient, connection: asyncpg.Connection, signal: str, ann: str
) -> None:
    bob = await add_user(connection, "Bob")
    first = await _assign(client, signal, ann, notes="one")
    await _move(client, signal, "in_progress", "resolved", notes="done")
    again = await _assign(client, signal, bob, role_type="administration")
    assert (again["id"], again["created_at"]) == (first["id"], first["created_at"])
    assert (again["assignee_id"], again["role_type"], again["notes"]) == (bob, "administration", None)
    assert [again[name] for name in ("started_at", "resolved_at", "closed_at", "resolution_notes")] == [
        None
    ] * 4
    assert (again["status"], again["version"]) == ("assigned", 4)
    assert again["assigned_at"] > first["assigned_at"]
    assert (await stored_events(connection))[-1]["payload"]["old_status"] == "resolved"


@pytest.mark.parametrize("current", ALL)
async def test_transitions(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, current: str
) -> None:
    for requested, signal in zip(ALL, await publish_signals(engine, connection, len(ALL)), strict=True):
        await _move(client, signal, *WAY_TO[current])
        before = await connection.fetch("select * from assignments")
        told = len(await stored_events(connection))
        answer = await client.patch(f"/api/signals/{signal}/status", json={"status": requested, "notes": "n"})
        if (current, requested) in LEGAL:
            assert answer.status_code == 200
            assert answer.json()["status"] == requested
            events = await stored_events(connection)
            assert len(events) == told + 1
            assert (events[-1]["event_type"], str(events[-1]["signal_id"])) == ("status_change", signal)
            assert events[-1]["payload"] == {
                "old_status": current, "new_status": requested, "from_status": current,
                "to_status": requested, "notes": "n", "actor_name": "local",
            }  # fmt: skip
        else:
            body = assert_problem(answer, 400, "transition-not-allowed")
            allowed = sorted(to for start, to in LEGAL if start == current)
            assert (body["current_status"], body["requested_status"]) == (current, requested)
            assert sorted(body["allowed"]) == allowed
            for word in (current, requested, *(allowed or ["nothing"])):
                assert word in body["detail"]
            assert await connection.fetch("select * from assignments") == before
            assert len(await stored_events(connection)) == told


async def test_a_signal_without_an_assignment_is_new(client: httpx.AsyncClient, signal: str) -> None:
    assert_problem(await client.get(f"/api/signals/{signal}/assignment"), 404, "assignment-not-found")
    moved = await _move(client, signal, "assigned")
    assert (moved["status"], moved["assignee_id"], moved["assigned_at"]) == ("assigned", None, None)


async def test_times_and_notes_of_the_way_through(client: httpx.AsyncClient, signal: str, ann: str) -> None:
    assigned = await _assign(client, signal, ann, notes="of the assignment")
    started = await _move(client, signal, "in_progress", notes="go")
    assert (started["notes"], started["resolution_notes"]) == ("of the assignment", None)
    assert (started["assigned_at"], started["resolved_at"]) == (assigned["assigned_at"], None)
    resolved = await _move(client, signal, "resolved", notes="found it")
    assert resolved["resolution_notes"] == "found it"
    reopened = await _move(client, signal, "in_progress")
    assert reopened["started_at"] == started["started_at"]
    assert (reopened["resolved_at"], reopened["resolution_notes"]) == (None, None)
    back = await _move(client, signal, "assigned", "in_progress")
    assert back["started_at"] == started["started_at"]
    closed = await _move(client, signal, "resolved", "closed")
    times = [closed[name] for name in ("assigned_at", "started_at", "resolved_at", "closed_at")]
    assert all(datetime.fromisoformat(one) <= datetime.fromisoformat(two) for one, two in pairwise(times))
    assert closed["version"] == 8


async def test_moving_back_to_new_clears_who_and_when(
    client: httpx.AsyncClient, signal: str, ann: str
) -> None:
    await _assign(client, signal, ann)
    await _move(client, signal, "in_progress", "assigned")
    new = await _move(client, signal, "new")
    cleared = (
        "assignee_id",
        "assigner_id",
        "role_type",
        "assigned_at",
        "started_at",
        "resolved_at",
        "closed_at",
    )
    assert [new[name] for name in cleared] == [None] * 7
    assert new["status"] == "new"
    assert (await client.get("/api/signals", params={"status": "new"})).json()["total_count"] == 1


async def test_a_closed_signal_is_not_assigned(
    client: httpx.AsyncClient, connection: asyncpg.Connection, signal: str, ann: str
) -> None:
    await _move(client, signal, *WAY_TO["closed"])
    told = await stored_events(connection)
    answer = await client.post(f"/api/signals/{signal}/assign", json=_request(ann))
    assert "closed" in assert_problem(answer, 400, "assignment-closed")["detail"]
    assert await stored_events(connection) == told


async def test_who_has_left_is_not_assigned(
    client: httpx.AsyncClient, connection: asyncpg.Connection, signal: str
) -> None:
    gone = await add_user(connection, active=False)
    answer = await client.post(f"/api/signals/{signal}/assign", json=_request(gone))
    assert gone in assert_problem(answer, 400, "assignee-inactive")["detail"]
    answer = await client.post("/api/signals/bulk-assign", json={**_request(gone), "signal_ids": [signal]})
    assert_problem(answer, 400, "assignee-inactive")
    assert await connection.fetchval("select count(*) from assignments") == 0


async def test_no_work_begins_on_an_inactive_signal_but_it_can_end(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, ann: str
) -> None:
    fresh, begun = await publish_signals(engine, connection, 2)
    await _assign(client, begun, ann)
    await connection.execute("update signals set active = false")
    for signal in (fresh, begun):
        answer = await client.post(f"/api/signals/{signal}/assign", json=_request(ann))
        assert_problem(answer, 409, "signal-inactive")
    answer = await client.patch(f"/api/signals/{fresh}/status", json={"status": "assigned"})
    assert_problem(answer, 409, "signal-inactive")
    assert (await _move(client, begun, "in_progress", "resolved", "closed"))["status"] == "closed"


async def test_unknown_and_malformed(client: httpx.AsyncClient, signal: str, ann: str) -> None:
    for method, path, body in (
        ("POST", "assign", _request(ann)),
        ("PATCH", "status", {"status": "assigned"}),
        ("GET", "assignment", None),
    ):
        unknown = await client.request(method, f"/api/signals/{UNKNOWN}/{path}", json=body)
        assert "Signal not found" in assert_problem(unknown, 404, "signal-not-found")["detail"]
        for malformed in ("not-a-uuid", "%00", "1' or '1'='1"):
            answer = await client.request(method, f"/api/signals/{malformed}/{path}", json=body)
            assert answer.status_code == 422
    answer = await client.post(f"/api/signals/{signal}/assign", json=_request(UNKNOWN))
    assert "User not found" in assert_problem(answer, 404, "user-not-found")["detail"]
    # An id of another table is not a user's.
    answer = await client.post(f"/api/signals/{signal}/assign", json=_request(signal))
    assert_problem(answer, 404, "user-not-found")
    answer = await client.post(f"/api/signals/{UNKNOWN}/assign", json=_request(UNKNOWN))
    assert_problem(answer, 404, "signal-not-found")


NO_ASSIGNMENTS: list[Any] = [
    {},
    {"assignee_id": UNKNOWN},
    {"role_type": "administration"},
    {"assignee_id": "x", "role_type": "administration"},
    {"assignee_id": None, "role_type": "administration"},
    {"assignee_id": UNKNOWN, "role_type": "viewer"},
    {"assignee_id": UNKNOWN, "role_type": None},
    {"assignee_id": UNKNOWN, "role_type": "administration", "notes": 1},
    {"assignee_id": UNKNOWN, "role_type": "administration", "notes": "a\0b"},
    {"assignee_id": UNKNOWN, "role_type": "administration", "notes": "x" * 10_001},
    [],
]


async def test_bodies_of_assign_that_are_no_assignment(
    client: httpx.AsyncClient, connection: asyncpg.Connection, signal: str
) -> None:
    for body in NO_ASSIGNMENTS:
        answer = await client.post(f"/api/signals/{signal}/assign", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"]
        assert await connection.fetchval("select count(*) from assignments") == 0


NO_MOVES: list[Any] = [
    {},
    {"status": None},
    {"status": 1},
    {"status": "done"},
    {"status": "ASSIGNED"},
    {"status": "assigned", "notes": "\0"},
    {"status": "assigned", "notes": ["x"]},
    {"status": "assigned", "expected_status": "nothing"},
    {"notes": "x"},
]


async def test_bodies_of_status_that_are_no_move(client: httpx.AsyncClient, signal: str) -> None:
    for body in NO_MOVES:
        answer = await client.patch(f"/api/signals/{signal}/status", json=body)
        assert answer.status_code == 422, body
        assert (await client.get(f"/api/signals/{signal}/assignment")).status_code == 404


async def test_text_is_kept_as_it_is(client: httpx.AsyncClient, signal: str, ann: str) -> None:
    notes = "'; drop table assignments; -- \N{SNOWMAN} \u202e \U0001f9ed\n%s {x} \\u0000"
    assert (await _assign(client, signal, ann, notes=notes, unknown_key=1))["notes"] == notes
    history = (await client.get(f"/api/signals/{signal}/history")).json()
    assert history["events"][0]["payload"]["notes"] == notes


async def test_half_a_character_is_refused(client: httpx.AsyncClient, signal: str) -> None:
    answer = await client.patch(
        f"/api/signals/{signal}/status",
        content=rb'{"status": "assigned", "notes": "\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422


async def test_expected_status(client: httpx.AsyncClient, signal: str, ann: str) -> None:
    path = f"/api/signals/{signal}/status"
    current = await _assign(client, signal, ann)
    # Also where the transition would be legal, or is not: what the caller knows is out of date.
    for requested in ("in_progress", "resolved"):
        answer = await client.patch(path, json={"status": requested, "expected_status": "in_progress"})
        body = assert_problem(answer, 409, "assignment-changed")
        assert (body["current_status"], body["current"]) == ("assigned", current)
    assert "assigned" in body["detail"]
    assert (await _move(client, signal, "in_progress", expected_status="assigned"))["version"] == 2
    answer = await client.patch(path, json={"status": "closed", "expected_status": "in_progress"})
    assert_problem(answer, 400, "transition-not-allowed")


async def test_if_match(client: httpx.AsyncClient, signal: str, ann: str) -> None:
    status, assign = f"/api/signals/{signal}/status", f"/api/signals/{signal}/assign"
    # What is not there matches nothing, not even the asterisk.
    for tag in ("*", '"0"', '"1"'):
        answer = await client.patch(status, json={"status": "assigned"}, headers={"If-Match": tag})
        body = assert_problem(answer, 412, "precondition-failed")
        assert (body["current_status"], body["current"]) == ("new", None)
        answer = await client.post(assign, json=_request(ann), headers={"If-Match": tag})
        assert_problem(answer, 412, "precondition-failed")
    current = await _assign(client, signal, ann)
    for tag in ('"2"', 'W/"1"', "1", "nonsense", '"1', ""):
        answer = await client.patch(status, json={"status": "in_progress"}, headers={"If-Match": tag})
        assert assert_problem(answer, 412, "precondition-failed")["current"] == current
        answer = await client.post(assign, json=_request(ann), headers={"If-Match": tag})
        assert_problem(answer, 412, "precondition-failed")
    for tag, version in (('"1"', 2), ('"7", "2"', 3), ("*", 4)):
        requested = "assigned" if version == 3 else "in_progress"
        answer = await client.patch(status, json={"status": requested}, headers={"If-Match": tag})
        assert answer.status_code == 200
        assert answer.headers["etag"] == f'"{version}"'
    read = await client.get(f"/api/signals/{signal}/assignment")
    assert read.headers["etag"] == '"4"'
    again = await client.get(f"/api/signals/{signal}/assignment", headers={"If-None-Match": '"4"'})
    assert (again.status_code, again.content) == (304, b"")
    answer = await client.post(assign, json=_request(ann), headers={"If-Match": read.headers["etag"]})
    assert answer.headers["etag"] == '"5"'


async def test_bulk_assign(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, ann: str
) -> None:
    signals = await publish_signals(engine, connection, 100)
    await _move(client, signals[7], "assigned", "in_progress")
    body = {**_request(ann, notes="all"), "signal_ids": [*signals[1:], signals[0], signals[1]]}
    await connection.execute("delete from activity_events")
    answer = await client.post("/api/signals/bulk-assign", json=body)
    assert answer.status_code == 422, "101 ids"
    body["signal_ids"].pop()
    answer = await client.post("/api/signals/bulk-assign", json=body)
    assert answer.status_code == 200, answer.text
    assert BulkAssignments.model_validate(answer.json())
    assignments = answer.json()["assignments"]
    assert [each["signal_id"] for each in assignments] == body["signal_ids"]
    assert answer.json()["count"] == 100
    assert {(each["status"], each["assignee_id"], each["notes"]) for each in assignments} == {
        ("assigned", ann, "all")
    }
    events = await stored_events(connection)
    assert {str(event["signal_id"]) for event in events} == set(signals)
    assert len(events) == 100
    before = {str(event["signal_id"]): event["payload"]["old_status"] for event in events}
    assert before == {signal: "in_progress" if signal == signals[7] else "new" for signal in signals}


async def test_bulk_assign_is_all_or_nothing(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, ann: str
) -> None:
    fine, closed, inactive = await publish_signals(engine, connection, 3)
    await _move(client, closed, *WAY_TO["closed"])
    await connection.execute("update signals set active = false where id = $1", inactive)
    told = await stored_events(connection)
    body = {**_request(ann), "signal_ids": [fine, closed, UNKNOWN, inactive]}
    answer = await client.post("/api/signals/bulk-assign", json=body)
    problem = assert_problem(answer, 409, "bulk-assignment-refused")
    assert {each["signal_id"]: each["problem"] for each in problem["failures"]} == {
        closed: "assignment-closed",
        UNKNOWN: "signal-not-found",
        inactive: "signal-inactive",
    }
    assert all(each["detail"] for each in problem["failures"])
    assert closed in problem["detail"]
    assert fine not in problem["detail"]
    assert (await client.get(f"/api/signals/{fine}/assignment")).status_code == 404
    assert await stored_events(connection) == told


NO_LISTS_OF_IDS: list[Any] = [None, [], ["x"], [UNKNOWN] * 101, UNKNOWN]  # fmt: skip


async def test_bulk_assign_wants_a_list_of_ids(client: httpx.AsyncClient, ann: str) -> None:
    for signal_ids in NO_LISTS_OF_IDS:
        answer = await client.post(
            "/api/signals/bulk-assign", json={**_request(ann), "signal_ids": signal_ids}
        )
        assert answer.status_code == 422, signal_ids


async def test_bulk_assign_of_an_id_twice(client: httpx.AsyncClient, signal: str, ann: str) -> None:
    body = {**_request(ann), "signal_ids": [signal, signal.upper()]}
    assert (await client.post("/api/signals/bulk-assign", json=body)).json()["count"] == 1


async def test_who_did_it_is_written_down(
    settings: Settings, engine: AsyncEngine, connection: asyncpg.Connection, signal: str, ann: str
) -> None:
    async with signed_in(settings, engine, UserRole.NURSING_LEADERSHIP) as (client, me):
        assert (await _assign(client, signal, ann))["assigner_id"] == me
        await _move(client, signal, "in_progress")
    events = await stored_events(connection)
    assert [str(event["user_id"]) for event in events] == [me, me]
    assert {event["payload"]["actor_name"] for event in events} == {"nursing_leadership@keys.example"}


async def test_viewers_look_on(
    settings: Settings, engine: AsyncEngine, connection: asyncpg.Connection, signal: str, ann: str
) -> None:
    async with signed_in(settings, engine, UserRole.VIEWER) as (client, _):
        bulk = {**_request(ann), "signal_ids": [signal]}
        for answer in (
            await client.post(f"/api/signals/{signal}/assign", json=_request(ann)),
            await client.post("/api/signals/bulk-assign", json=bulk),
            await client.patch(f"/api/signals/{signal}/status", json={"status": "assigned"}),
            await client.post(f"/api/signals/{signal}/comments", json={"content": "x"}),
        ):
            assert_problem(answer, 403, "forbidden")
        assert (await client.get(f"/api/signals/{signal}/history")).json()["total_count"] == 0
