"""Connections for builds: tuned for a few long analytic statements, safe to kill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from transforms.engines.base import Progress, ProgressCallback
from transforms.errors import DatabaseUnavailable
from transforms.locks import BUILD

_SETTINGS = {
    "application_name": "compass build",
    "search_path": "public",
    "jit": "off",
    "statement_timeout": "0",
    # Commits are flushed in order, so the registry's own (synchronous) commit that says "built"
    # can not outlive a crash that loses these.
    "synchronous_commit": "off",
    # A killed build must not go on in the server, holding locks the next one waits for.
    "client_connection_check_interval": "2s",
}

_CONNECT_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


def plain_dsn(database_url: str) -> str:
    """``database_url`` without SQLAlchemy's driver name, as asyncpg takes it."""
    return database_url.replace("postgresql+asyncpg://", "postgresql://", 1)


async def connect(database_url: str) -> asyncpg.Connection:
    """A connection with the settings of builds; raises DatabaseUnavailable."""
    try:
        return await asyncpg.connect(
            plain_dsn(database_url), server_settings=_SETTINGS, statement_cache_size=0
        )
    except _CONNECT_ERRORS as error:
        raise DatabaseUnavailable(
            f"the database does not answer: {error}", "check DATABASE_URL and that the server runs"
        ) from error


@asynccontextmanager
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """As ``connect``, closed at the end; an interrupted statement is cancelled first."""
    opened = await connect(database_url)
    try:
        yield opened
    finally:
        await opened.close(timeout=5)


async def take_turn(held: asyncpg.Connection, total: int, on_progress: ProgressCallback | None) -> None:
    """Take the build lock, waiting for a build that has it; ``held`` has it until it is closed."""
    if await held.fetchval("select pg_try_advisory_lock($1::bigint)", BUILD):
        return
    if on_progress is not None:
        on_progress(Progress("waiting", 0, total))
    await held.execute("select pg_advisory_lock($1::bigint)", BUILD)
