"""Signals and users to work with, and clients who are signed in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.auth import api_keys
from backend.config import Settings
from backend.enums import UserRole
from backend.main import create_app
from tests.api.conftest import running
from tests.api.hydrating import publish_run
from tests.api.marts import add_run, signal_id, signal_row

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def publish_signals(engine: AsyncEngine, connection: asyncpg.Connection, count: int = 1) -> list[str]:
    """Ids of as many signals as are asked for; the feed knows nothing of them."""
    rows = [signal_row(f"F{number}") for number in range(count)]
    await publish_run(engine, await add_run(connection, "1", rows))
    await connection.execute("delete from activity_events")
    return [signal_id(row) for row in rows]


async def add_user(
    connection: asyncpg.Connection, name: str = "Ann", role: str = "viewer", *, active: bool = True
) -> str:
    """Id of a new user."""
    made = await connection.fetchval(
        "insert into users (email, name, role, hashed_password, is_active)"
        " values ($1, $2, $3, '!', $4) returning id",
        f"{name.lower()}@example.org",
        name,
        role,
        active,
    )
    return str(made)


async def stored_events(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """Every event as it is stored, in the order of writing."""
    rows = await connection.fetch("select * from activity_events order by position")
    return [{**row, "payload": json.loads(row["payload"])} for row in rows]


@asynccontextmanager
async def signed_in(
    settings: Settings, engine: AsyncEngine, role: UserRole
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A client that calls with the key of a user of this role, and the user's id."""
    email = f"{role.value}@keys.example"
    async with engine.begin() as connection:
        await api_keys.ensure_user(connection, email, role)
        key = await api_keys.create(connection, email, "test")
    app = create_app(settings.model_copy(update={"AUTH_MODE": "api_key"}))
    async with running(app) as client:
        client.headers["X-API-Key"] = key
        users = (await client.get("/api/users")).json()
        yield client, next(user["id"] for user in users if user["email"] == email)


def assert_problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The body of a problem of this status and kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:quality-compass:problem:{slug}"
    assert isinstance(body["detail"], str)
    return body
