"""ETags, 304 and answers from memory: what stands, and what a change makes anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.auth import api_keys
from backend.config import Settings
from backend.enums import UserRole
from backend.main import create_app
from backend.services.signal_hydrator import publish
from tests.api.conftest import running
from tests.api.marts import add_run, signal_id, signal_row

ROW = signal_row("F1")
LIST = "/api/signals"
ONE = f"/api/signals/{signal_id(ROW)}"


@pytest.fixture
async def served(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    """One signal, published."""
    run_key = await add_run(connection, "1", [ROW])
    async with engine.begin() as opened:
        await publish(opened, run_key)


@pytest.fixture
async def client(settings: Settings, connection: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    """A client that takes what is kept."""
    async with running(create_app(settings), reloading=False) as opened:
        yield opened


async def _tag(client: httpx.AsyncClient, path: str = LIST, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200
    return str(answer.headers["etag"])


async def _eventually_changed(client: httpx.AsyncClient, path: str, former: str) -> httpx.Response:
    """The answer after a change that another process made: within a second."""
    for _ in range(100):
        answer = await client.get(path, headers={"If-None-Match": former})
        if answer.status_code != 304:
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError("still not modified after a second")


async def test_what_did_not_change_is_not_sent_again(client: httpx.AsyncClient, served: None) -> None:
    first = await client.get(LIST)
    assert first.headers["cache-control"] == "private, no-cache"
    assert {"accept-encoding", "authorization", "x-api-key"} <= {
        name.strip().lower() for name in first.headers["vary"].split(",")
    }
    tag = first.headers["etag"]
    for condition in (tag, f'"other", {tag}', "*", tag.removeprefix("W/")):
        again = await client.get(LIST, headers={"If-None-Match": condition})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["x-request-id"]
    assert (await client.get(LIST, headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/signals/nothing", 422), (f"/api/signals/{UUID(int=1)}", 404), ("/api/feed?cursor=bad", 400)],
)
async def test_of_what_is_not_there_there_is_not_anything(
    client: httpx.AsyncClient, served: None, path: str, status: int
) -> None:
    for _ in range(2):
        assert (await client.get(path, headers={"If-None-Match": "*"})).status_code == status


async def test_anything_stands_however_often_it_is_asked(client: httpx.AsyncClient, served: None) -> None:
    for _ in range(3):
        answer = await client.get(LIST, headers={"If-None-Match": "*"})
        assert (answer.status_code, answer.content) == (304, b"")
    assert (await client.get(LIST)).json()["total_count"] == 1


async def test_answers_from_memory_are_the_same(settings: Settings, served: None) -> None:
    app = create_app(settings)
    async with running(app, reloading=False) as client:
        fresh = await client.get(LIST)
        kept = await client.get(LIST)
        assert app.state.response_memory.hits == 1
    assert kept.content == fresh.content
    same = ("etag", "vary", "content-type", "cache-control")
    assert [kept.headers[name] for name in same] == [fresh.headers[name] for name in same]
    assert kept.headers["x-request-id"] != fresh.headers["x-request-id"]


async def test_an_edit_is_seen_at_once_by_who_made_it(client: httpx.AsyncClient, served: None) -> None:
    for number in range(20):
        former = await _tag(client, ONE)
        text = f"text {number}"
        assert (await client.patch(ONE, json={"description": text})).status_code == 200
        answer = await client.get(ONE, headers={"If-None-Match": former})
        assert answer.status_code == 200
        assert answer.json()["description"] == text


@pytest.mark.parametrize(
    ("path", "statement"),
    [
        (LIST, "update signals set why_matters_narrative = 'because'"),
        (LIST, "insert into assignments (signal_id, status) select id, 'assigned' from signals"),
        (LIST, "update runs set state = 'superseded' where state = 'published'"),
        ("/api/metadata/docs-url/model/x", "insert into project_documents values ('x', '{}', '1')"),
    ],
)
async def test_changes_of_other_processes_are_seen(
    client: httpx.AsyncClient, served: None, connection: asyncpg.Connection, path: str, statement: str
) -> None:
    former = await _tag(client, path)
    await connection.execute(statement)
    await _eventually_changed(client, path, former)


async def test_a_publish_makes_every_answer_anew(
    client: httpx.AsyncClient, served: None, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    former = await _tag(client)
    run_key = await add_run(connection, "2", [signal_row("F1", metric_value=7.5)])
    async with engine.begin() as opened:
        await publish(opened, run_key)
    answer = await _eventually_changed(client, LIST, former)
    assert answer.json()["signals"][0]["metric_value"] == 7.5


async def test_other_work_leaves_answers_standing(
    client: httpx.AsyncClient, served: None, connection: asyncpg.Connection
) -> None:
    former = await _tag(client)
    await add_run(connection, "2", [ROW])
    await connection.execute("insert into users (email, name, hashed_password) values ('a', 'a', '!')")
    await asyncio.sleep(0.2)
    assert (await client.get(LIST, headers={"If-None-Match": former})).status_code == 304


async def test_without_announcements_nothing_is_taken_for_granted(settings: Settings, served: None) -> None:
    app = create_app(settings)
    async with running(app, reloading=False) as client:
        former = await _tag(client)
        await app.state.listener.stop()
        connection = await asyncpg.connect(settings.DATABASE_URL.replace("+asyncpg", ""))
        await connection.execute("update signals set why_matters_narrative = 'because'")
        await connection.close()
        answer = await client.get(LIST, headers={"If-None-Match": former})
        assert answer.json()["signals"][0]["why_matters_narrative"] == "because"


async def test_the_listener_comes_back(
    settings: Settings, served: None, connection: asyncpg.Connection
) -> None:
    app = create_app(settings)
    async with running(app, reloading=False) as client:
        former = await _tag(client)
        ended = await connection.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'quality-compass-listener' and datname = current_database()"
        )
        assert ended == 1
        await connection.execute("update signals set why_matters_narrative = 'because'")
        await _eventually_changed(client, LIST, former)
        for _ in range(300):
            if app.state.listener.connected:
                break
            await asyncio.sleep(0.01)
        assert app.state.listener.connected


async def test_reloading_asks_the_database(
    client: httpx.AsyncClient, served: None, connection: asyncpg.Connection
) -> None:
    for number in range(20):
        await client.get(ONE)
        await connection.execute("update signals set why_matters_narrative = $1", str(number))
        answer = await client.get(ONE, headers={"Cache-Control": "no-cache"})
        assert answer.json()["why_matters_narrative"] == str(number)


async def test_errors_are_not_kept(client: httpx.AsyncClient, served: None) -> None:
    for _ in range(2):
        answer = await client.get(LIST, params={"limit": 0})
        assert answer.status_code == 422
        assert "etag" not in answer.headers


async def test_large_answers_are_compressed(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    run_key = await add_run(connection, "1", [signal_row(f"F{number}") for number in range(50)])
    async with engine.begin() as opened:
        await publish(opened, run_key)
    plain = await client.get(LIST, params={"limit": 100}, headers={"Accept-Encoding": "identity"})
    for accepted in ("gzip;q=0", "identity;q=1, gzip; q=0", "br", "*;q=0", "gzip;q=none"):
        answer = await client.get(LIST, params={"limit": 100}, headers={"Accept-Encoding": accepted})
        assert "content-encoding" not in answer.headers, accepted
    for accepted in ("GZIP", "br;q=1, gzip;q=0.1", "*", "x-gzip"):
        answer = await client.get(LIST, params={"limit": 100}, headers={"Accept-Encoding": accepted})
        assert answer.headers["content-encoding"] == "gzip", accepted
    packed = await client.get(LIST, params={"limit": 100}, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 4
    assert packed.json() == plain.json()


async def test_nobody_gets_an_answer_without_signing_in(
    migrated_url: str, engine: AsyncEngine, served: None
) -> None:
    async with engine.begin() as opened:
        await api_keys.ensure_user(opened, "a@example.org", UserRole.VIEWER)
        key = await api_keys.create(opened, "a@example.org", "test")
    settings = Settings(_env_file=None, DATABASE_URL=migrated_url, AUTH_MODE="api_key")
    async with running(create_app(settings), reloading=False) as client:
        tag = await _tag(client, **{"X-API-Key": key})
        for headers in ({}, {"If-None-Match": tag}, {"If-None-Match": "*"}):
            assert (await client.get(LIST, headers=headers)).status_code == 401


async def test_memory_has_a_limit(migrated_url: str, engine: AsyncEngine, served: None) -> None:
    settings = Settings(_env_file=None, DATABASE_URL=migrated_url, RESPONSE_CACHE_BYTES=20_000)
    app = create_app(settings)
    async with running(app, reloading=False) as client:
        for number in range(50):
            parameters: dict[str, Any] = {"offset": number}
            assert (await client.get(LIST, params=parameters)).status_code == 200
        assert 0 < app.state.response_memory.size <= 20_000
