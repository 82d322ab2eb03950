"""A migrated database a module, emptied for each test, and clients of the API on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.config import Settings
from backend.db.session import create_engine
from backend.main import create_app
from tests.api import marts


@pytest.fixture
async def connection(migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the database, whose tables are empty, marts included."""
    opened = await marts.open_connection(migrated_url)
    await marts.clear(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def engine(migrated_url: str, connection: asyncpg.Connection) -> AsyncIterator[AsyncEngine]:
    """An engine on the emptied database."""
    made = create_engine(migrated_url)
    yield made
    await made.dispose()


@asynccontextmanager
async def running(app: FastAPI, *, reloading: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ``app`` between its start and its end.

    ``reloading`` clients want to see at once what tests do to the database behind the service; others are
    there once the service hears of it.
    """
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport,
            base_url="http://api",
            headers={"Cache-Control": "no-cache"} if reloading else {},
        ) as client,
    ):
        if not reloading:
            await listening(app)
        yield client


async def listening(app: FastAPI) -> None:
    """Wait until announcements of the database reach ``app``; until then it keeps no answer."""
    async with asyncio.timeout(10):
        while not app.state.listener.connected:
            await asyncio.sleep(0.01)


@pytest.fixture
def settings(migrated_url: str) -> Settings:
    """Settings of an API on the database, those of the environment left aside."""
    return Settings(_env_file=None, DATABASE_URL=migrated_url)


@pytest.fixture(scope="module")
def app(migrated_url: str) -> FastAPI:
    """The API on the database, without a memory of answers: making one takes longer than most tests."""
    return create_app(Settings(_env_file=None, DATABASE_URL=migrated_url, RESPONSE_CACHE_BYTES=0))


@pytest.fixture
async def client(app: FastAPI, connection: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API on the emptied database."""
    # Limits count in middleware, which is made anew at the next start.
    app.middleware_stack = None
    async with running(app) as opened:
        yield opened
