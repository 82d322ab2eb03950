"""Answers sent once more ahead of everything else: as the first time, to whom, and for how long."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.caching import express, policy
from backend.caching.at_once import head_of, write_at_once
from backend.caching.express import Express
from backend.config import Settings
from backend.main import create_app
from backend.services.signal_hydrator import publish
from tests.api.conftest import listening, running
from tests.api.marts import add_run, signal_id, signal_row

ROW = signal_row("F1")
LIST = "/api/signals"
ONE = f"/api/signals/{signal_id(ROW)}"
OTHER_MACHINE = "192.0.2.7"


@pytest.fixture
async def served(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    """One signal, published."""
    run_key = await add_run(connection, "1", [ROW])
    async with engine.begin() as opened:
        await publish(opened, run_key)


@pytest.fixture
def passed_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the requests that were not answered ahead of everything else."""
    paths: list[str] = []
    learn = Express._learn

    async def learn_noted(self: Express, scope: Any, *rest: Any) -> None:
        paths.append(scope["path"])
        await learn(self, scope, *rest)

    monkeypatch.setattr(Express, "_learn", learn_noted)
    return paths


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The API with a memory of answers, which do not age while a test runs."""
    monkeypatch.setattr(policy, "_DAYS_OPEN_SECONDS", 10**9)
    return create_app(settings)


@pytest.fixture
async def client(app: FastAPI, served: None) -> AsyncIterator[httpx.AsyncClient]:
    """A client that takes what is kept. What was published before is not announced to it."""
    async with running(app, reloading=False) as opened:
        yield opened


async def _settled(client: httpx.AsyncClient, **headers: str) -> list[httpx.Response]:
    """Three answers; the last of them was there before."""
    return [await client.get(LIST, headers=headers) for _ in range(3)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept-Encoding": "identity"},
        {"Origin": "http://localhost:4200"},
        {"Origin": "http://elsewhere.example"},
        {"If-None-Match": "what it was"},
    ],
    ids=["plain", "not compressed", "known origin", "unknown origin", "held"],
)
async def test_the_same_is_said_again(
    client: httpx.AsyncClient, served: None, passed_on: list[str], headers: dict[str, str]
) -> None:
    sent = await client.get(LIST, headers=headers | {"If-None-Match": "no"})
    if "If-None-Match" in headers:
        headers = {"If-None-Match": sent.headers["etag"]}
    first, _, last = await _settled(client, **headers)
    assert len(passed_on) == 2
    assert (last.status_code, last.content) == (first.status_code, first.content)
    named = [dict(answer.headers) for answer in (first, last)]
    assert named[0].pop("x-request-id") != named[1].pop("x-request-id")
    assert named[0] == named[1]
    given = await client.get(LIST, headers=headers | {"X-Request-ID": "mine"})
    assert given.headers["x-request-id"] == "mine"
    assert len(passed_on) == 2


async def test_headers_tell_requests_apart(
    client: httpx.AsyncClient, served: None, passed_on: list[str]
) -> None:
    await _settled(client, Origin="http://localhost:4200")
    plain = await client.get(LIST)
    assert "access-control-allow-origin" not in plain.headers
    held = await client.get(LIST, headers={"If-None-Match": plain.headers["etag"]})
    assert held.status_code == 304
    assert (await client.get(LIST, params={"limit": 1})).status_code == 200
    assert len(passed_on) == 5


async def test_what_was_said_is_not_said_after_a_change(
    client: httpx.AsyncClient, served: None, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    await _settled(client)
    assert (await client.patch(ONE, json={"description": "mine"})).status_code == 200
    assert (await client.get(LIST)).json()["signals"][0]["description"] == "mine"
    await _settled(client)
    run_key = await add_run(connection, "2", [signal_row("F1", metric_value=7.5)])
    async with engine.begin() as opened:
        await publish(opened, run_key)
    async with asyncio.timeout(2):
        while (await client.get(LIST)).json()["signals"][0]["metric_value"] != 7.5:
            await asyncio.sleep(0.01)


async def test_who_wants_to_be_sure_is_passed_on(
    client: httpx.AsyncClient, served: None, connection: asyncpg.Connection
) -> None:
    await _settled(client)
    await connection.execute("update signals set why_matters_narrative = 'because'")
    answer = await client.get(LIST, headers={"Cache-Control": "no-cache"})
    assert answer.json()["signals"][0]["why_matters_narrative"] == "because"


async def test_without_announcements_nothing_is_said_again(
    app: FastAPI, client: httpx.AsyncClient, served: None, connection: asyncpg.Connection
) -> None:
    await _settled(client)
    await app.state.listener.stop()
    await connection.execute("update signals set why_matters_narrative = 'because'")
    assert (await client.get(LIST)).json()["signals"][0]["why_matters_narrative"] == "because"


async def test_other_machines_are_not_let_in(app: FastAPI, client: httpx.AsyncClient, served: None) -> None:
    await _settled(client)
    remote = httpx.ASGITransport(app=app, client=(OTHER_MACHINE, 1))
    async with httpx.AsyncClient(transport=remote, base_url="http://api") as other:
        assert (await other.get(LIST)).status_code == 403


async def test_every_answer_is_counted(client: httpx.AsyncClient, served: None) -> None:
    for _ in range(5):
        await _settled(client)
    text = (await client.get("/metrics")).text
    assert 'compass_http_requests_total{method="GET",route="(from memory)",status="200"} 14.0' in text
    assert "compass_response_memory_hits_total 14.0" in text


async def test_what_memory_lost_is_made_anew(
    app: FastAPI, client: httpx.AsyncClient, served: None, passed_on: list[str]
) -> None:
    first, *_ = await _settled(client)
    app.state.response_memory._entries.clear()
    again = await client.get(LIST)
    assert again.content == first.content
    assert len(passed_on) == 3


async def test_long_questions_are_not_remembered(
    client: httpx.AsyncClient, served: None, passed_on: list[str]
) -> None:
    """Four thousand of them, a megabyte each, would be all the memory that there is."""
    for _ in range(4):
        await client.get(LIST, headers={"If-None-Match": '"x", ' * 500 + "*"})
    assert len(passed_on) == 4


@pytest.fixture
async def port(app: FastAPI, served: None) -> AsyncIterator[int]:
    """Where uvicorn serves, as in production."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        serving = asyncio.create_task(server.serve([bound]))
        while not server.started:
            await asyncio.sleep(0.01)
        await listening(app)
        yield int(bound.getsockname()[1])
        server.should_exit = True
        await serving


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each answer ahead of everything else, whether it was written at once."""
    written: list[bool] = []

    def noted(*answer: Any) -> bool:
        written.append(write_at_once(*answer))
        return written[-1]

    monkeypatch.setattr(express, "write_at_once", noted)
    return written


async def _ask(port: int, requests: bytes, until: int = 1) -> list[tuple[bytes, list[bytes], bytes]]:
    """Status line, headers and body of ``until`` answers to ``requests``, sent as they are."""
    # pytest listens to loggers that pass nothing on, too.
    logging.getLogger("uvicorn.access").handlers.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(requests)
    answers = []
    async with asyncio.timeout(30):
        for _ in range(until):
            status, *headers = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[:-2]
            sizes = [int(each.split(b":")[1]) for each in headers if each.startswith(b"content-length:")]
            answers.append((status, headers, await reader.readexactly(sum(sizes))))
        if b"Connection: close" in requests:
            assert await reader.read() == b""
    writer.close()
    return answers


def _request(*headers: str) -> bytes:
    return "\r\n".join([f"GET {LIST} HTTP/1.1", "Host: api", *headers, "", ""]).encode()


def _lasting(headers: list[bytes]) -> list[bytes]:
    return [each for each in headers if not each.startswith((b"date:", b"x-request-id:"))]


async def test_what_is_written_at_once_is_what_uvicorn_writes(port: int, at_once: list[bool]) -> None:
    [first, second, third] = await _ask(port, _request() * 3, until=3)
    assert at_once == [True]
    assert first[0] == second[0] == third[0] == b"HTTP/1.1 200 OK"
    assert first[2] == second[2] == third[2]
    assert _lasting(second[1]) == _lasting(third[1])
    assert len(third[1]) - len(_lasting(third[1])) == 2
    [etag] = [each.split(b": ")[1].decode() for each in third[1] if each.startswith(b"etag:")]
    held = await _ask(port, _request(f"If-None-Match: {etag}") * 3, until=3)
    assert at_once == [True, True, True]
    assert [(status, body) for status, _, body in held] == [(b"HTTP/1.1 304 Not Modified", b"")] * 3
    assert _lasting(held[0][1]) == _lasting(held[2][1])


def test_an_answer_that_does_not_say_where_it_ends_is_left_to_the_server() -> None:
    assert head_of(200, [(b"etag", b'"x"')]) is None
    assert head_of(200, [(b"content-length", b"2")]) == b"content-length: 2\r\n"
    assert head_of(304, [(b"etag", b'"x"')]) == b'etag: "x"\r\n'


async def test_the_last_answer_of_a_connection_ends_it(port: int, at_once: list[bool]) -> None:
    for _ in range(3):
        [(status, headers, _)] = await _ask(port, _request("Connection: close"))
        assert status == b"HTTP/1.1 200 OK"
        assert b"connection: close" in headers
    assert at_once == [False]


async def test_who_does_not_read_is_waited_for(port: int, at_once: list[bool]) -> None:
    await _ask(port, _request())
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    asked = 10_000
    writer.write(_request() * asked)
    async with asyncio.timeout(60):
        while True not in at_once or False not in at_once:
            await asyncio.sleep(0.01)
        answered = 0
        rest = b""
        while answered < asked:
            rest += await reader.read(1_000_000)
            answered += rest.count(b"HTTP/1.1 200 OK")
            rest = rest[-14:]
    writer.close()


@pytest.mark.parametrize(
    "given", [{"AUTH_MODE": "api_key"}, {"DEBUG": True}, {"OTEL_ENABLED": True}], ids=str
)
def test_it_stays_out_of_the_way(migrated_url: str, given: dict[str, Any]) -> None:
    """Where each request has to be looked at: keys may be revoked, logs and traces are to be whole."""
    for settings, there in ((given, False), ({}, True)):
        app = create_app(Settings(_env_file=None, DATABASE_URL=migrated_url, **settings))
        assert (app.express is not None) is there
