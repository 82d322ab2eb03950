"""The application around its routes: health, start-up, errors, headers, documentation."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from sqlalchemy import text
from starlette.requests import Request

from backend.config import Settings
from backend.db.revision import HEAD
from backend.db.session import connect
from backend.errors import DatabaseUnavailable, SchemaMismatch
from backend.main import create_app
from backend.schemas.health import Readiness
from backend.schemas.problems import Problem, ValidationProblem
from tests.api.conftest import running
from tests.api.marts import add_run, open_connection, signal_row
from tests.support.proxy import Proxy


async def test_health(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy", "version": "0.1.0"})


@pytest.mark.parametrize(
    "path", ["/health", "/ready", "/api/signals", "/api/nowhere", "/api/signals/nothing"]
)
async def test_head_says_what_get_does_without_its_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    named = [
        {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        for answer in (got, head)
    ]
    assert named[0] == named[1]


async def test_head_asks_for_no_stream(client: httpx.AsyncClient) -> None:
    assert (await client.head("/api/feed/stream")).status_code == 405


async def test_ready_names_schema_and_published_runs(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    assert (await client.get("/ready")).json()["published_runs"] == []
    await add_run(connection, "1", [], state="published")
    await add_run(connection, "2", [])
    await connection.execute("update runs set published_at = '2026-01-02 03:04:05Z' where run_id = '1'")
    body = (await client.get("/ready")).json()
    assert Readiness.model_validate(body)
    assert body == {
        "status": "ready",
        "schema_revision": HEAD,
        "writable": True,
        "published_runs": [{"graph_name": "graph", "run_id": "1", "published_at": "2026-01-02T03:04:05Z"}],
    }


async def test_a_schema_that_moved_on_makes_it_unready(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    await connection.execute("update alembic_version set version_num = '9999'")
    try:
        answer = await client.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("schema-mismatch")
        assert (await client.get("/health")).status_code == 200
    finally:
        await connection.execute("update alembic_version set version_num = $1", HEAD)


async def test_it_does_not_start_without_its_schema(fresh_database_url: str) -> None:
    app = create_app(Settings(_env_file=None, DATABASE_URL=fresh_database_url))
    with pytest.raises(SchemaMismatch, match="compass db upgrade"):
        async with running(app):
            pass


async def test_it_does_not_start_without_a_database() -> None:
    app = create_app(Settings(_env_file=None, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(DatabaseUnavailable):
        async with running(app):
            pass


async def test_it_starts_without_a_database_where_that_is_wanted() -> None:
    settings = Settings(
        _env_file=None, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", START_WITHOUT_DATABASE=True
    )
    async with running(create_app(settings)) as client:
        assert (await client.get("/health")).status_code == 200
        for path in ("/ready", "/api/signals"):
            answer = await client.get(path)
            assert answer.status_code == 503
            assert answer.json()["type"].endswith("database-unavailable")


async def test_it_prepares_the_database_once_that_answers(
    migrated_url: str, connection: asyncpg.Connection
) -> None:
    await add_run(connection, "1", [signal_row("F1")], state="published")
    with Proxy(migrated_url) as proxy:
        # Whoever connects is thrown out again.
        proxy.refuse()
        settings = Settings(_env_file=None, DATABASE_URL=proxy.url, START_WITHOUT_DATABASE=True)
        async with running(create_app(settings)) as client:
            assert (await client.get("/ready")).status_code == 503
            proxy.heal()
            async with asyncio.timeout(10):
                while (await client.get("/ready")).status_code != 200:
                    await asyncio.sleep(0.05)
                while (await client.get("/api/signals")).json()["total_count"] != 1:
                    await asyncio.sleep(0.05)


async def test_start_fills_an_empty_table(settings: Settings, connection: asyncpg.Connection) -> None:
    await add_run(connection, "1", [signal_row("F1"), signal_row("F2")], state="published")
    app = create_app(settings)
    with structlog.testing.capture_logs() as logs:
        async with running(app) as client:
            assert (await client.get("/api/signals")).json()["total_count"] == 2
    (said,) = [entry for entry in logs if entry["event"] == "signals hydrated"]
    assert (said["log_level"], said["signals_created"]) == ("info", 2)


async def test_a_failed_filling_is_logged_as_an_error_and_serving_goes_on(
    settings: Settings, connection: asyncpg.Connection
) -> None:
    await add_run(connection, "1", [signal_row("F1")], state="published")
    await connection.execute("drop schema public_marts cascade")
    app = create_app(settings)
    with structlog.testing.capture_logs() as logs:
        async with running(app) as client:
            assert (await client.get("/api/signals")).json()["total_count"] == 0
            assert (await client.get("/ready")).status_code == 200
    (said,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert "compass build" in said["hint"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/nowhere", 404),
        ("DELETE", "/api/signals", 405),
        ("POST", "/health", 405),
    ],
)
async def test_unknown_routes_are_problems_too(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = Problem.model_validate(answer.json())
    assert (body.status, body.instance) == (status, path)
    assert body.request_id == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/api/%E2%82%AC", "/api/narratives/zz%20z%22%3C", "/api/runs/a%2Fb%25"])
async def test_the_instance_is_an_address(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["instance"] == path


async def test_invalid_requests_keep_the_list_and_add_a_short_one(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/signals", params={"limit": 0, "offset": -1})
    assert answer.headers["content-type"] == "application/problem+json"
    body = ValidationProblem.model_validate(answer.json())
    assert [mistake["loc"] for mistake in body.detail] == [["query", "limit"], ["query", "offset"]]
    assert [(error.location, error.field) for error in body.errors] == [
        ("query", "limit"),
        ("query", "offset"),
    ]


async def test_a_body_that_is_not_json_is_invalid(client: httpx.AsyncClient) -> None:
    answer = await client.patch(
        "/api/signals/00000000-0000-4000-8000-000000000000",
        content=b'{"description": ',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "body"


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_3", True), ("a\tb", False), ("x" * 129, False), ("", False)]
)
async def test_request_ids_are_kept_if_harmless(client: httpx.AsyncClient, given: str, kept: bool) -> None:
    answer = await client.get("/nowhere", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.fixture
async def failing(settings: Settings, connection: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    """An API with routes that fail in ways that nobody foresees."""
    app = create_app(settings.model_copy(update={"DATABASE_STATEMENT_TIMEOUT": 0.2}))

    async def execute(request: Request, statement: str) -> None:
        async with connect(request.app.state.engine) as opened:
            await opened.execute(text(statement))

    async def crash() -> None:
        raise RuntimeError("secret")

    app.add_api_route("/execute", execute)
    app.add_api_route("/crash", crash)
    async with running(app) as client:
        yield client


async def test_unforeseen_errors_tell_nothing_but_the_id(failing: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await failing.get("/crash", headers={"Origin": "http://localhost:4200"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    body = Problem.model_validate(answer.json())
    assert body.request_id == answer.headers["x-request-id"]
    assert answer.headers["access-control-allow-origin"] == "http://localhost:4200"
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "request failed unexpectedly"
    ]


async def test_errors_of_statements_do_not_leak_them(failing: httpx.AsyncClient) -> None:
    answer = await failing.get("/execute", params={"statement": "select hidden from nothing"})
    assert answer.status_code == 500
    for secret in ("hidden", "nothing", "asyncpg", "sqlalche"):
        assert secret not in answer.text


async def test_statements_that_take_too_long_are_ended(failing: httpx.AsyncClient) -> None:
    answer = await failing.get("/execute", params={"statement": "select pg_sleep(5)"})
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("statement-timeout")
    assert answer.headers["retry-after"]


async def test_a_lost_connection_is_made_again(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    assert (await client.get("/api/signals")).status_code == 200
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'quality-compass' and datname = current_database()"
    )
    assert (await client.get("/api/signals")).status_code == 200


async def test_a_database_that_went_away_is_503(
    settings: Settings, connection: asyncpg.Connection, migrated_url: str
) -> None:
    async with running(create_app(settings)) as client:
        name = await connection.fetchval("select current_database()")
        other = await open_connection(re.sub(rf"/{name}\b", "/postgres", migrated_url))
        await other.execute(f'alter database "{name}" allow_connections false')
        try:
            await other.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
            )
            answer = await client.get("/api/signals")
            ontology = await client.get("/api/ontology/stats")
            ready = await client.get("/ready")
        finally:
            await other.execute(f'alter database "{name}" allow_connections true')
            await other.close()
        assert (answer.status_code, ready.status_code) == (503, 503)
        assert answer.json()["type"].endswith("database-unavailable")
        assert (ontology.status_code, ontology.headers["retry-after"]) == (503, "5")
        assert "temporarily unavailable" in ontology.json()["detail"]
        assert name not in answer.text
        assert (await client.get("/api/signals")).status_code == 200


async def test_browsers_of_known_origins_may_call(client: httpx.AsyncClient) -> None:
    async def preflight(origin: str) -> httpx.Response:
        return await client.options(
            "/api/signals",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "content-type,authorization,accept",
            },
        )

    allowed = await preflight("http://localhost:4200")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "http://localhost:4200"
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    assert "access-control-allow-origin" not in (await preflight("http://elsewhere")).headers


async def test_every_operation_documents_its_errors(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            done = next(status for status in responses if status.startswith("2"))
            (content,) = responses[done]["content"].values()
            assert content["schema"], path
            assert operation["description"]
            for status in set(responses) - {done, "304"}:
                assert list(responses[status]["content"]) == ["application/problem+json"], path
            if path.startswith("/api"):
                assert {"401", "403", "503"} <= set(responses), path
                assert operation["security"], path
            if operation.get("parameters") or operation.get("requestBody"):
                assert "422" in responses, path
            if "{signal_id}" in path:
                assert "404" in responses, path
    schemas = document["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', (await client.get("/openapi.json")).text))
    assert references <= set(schemas)
    for name in ("Signal", "SignalPage", "TechnicalDetails", "Problem"):
        assert schemas[name]["description"]
    assert (await client.get("/docs")).status_code == 200
    assert (await client.get("/redoc")).status_code == 200


def test_literal_segments_come_before_parameters() -> None:
    paths = list(create_app(Settings(_env_file=None)).openapi()["paths"])
    first_parameter = paths.index("/api/signals/{signal_id}")
    assert (
        max(paths.index("/api/signals/filter-options"), paths.index("/api/signals/facilities"))
        < first_parameter
    )


async def test_a_real_server_serves_and_stops(migrated_url: str, connection: asyncpg.Connection) -> None:
    await add_run(connection, "1", [signal_row("F1")], state="published")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "backend.main:create_app", "--factory", "--port", str(port)],
        env={**os.environ, "DATABASE_URL": migrated_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            for _ in range(200):
                try:
                    if (await client.get("/ready")).status_code == 200:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
            page: Any = (await client.get("/api/signals")).json()
            assert page["total_count"] == 1
            assert page["signals"][0]["facility"] == "Hospital F1"
    finally:
        server.terminate()
        assert server.wait(timeout=20) in (0, -15)
