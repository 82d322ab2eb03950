"""Engines and connections; what keeps a connection from being made becomes DatabaseUnavailable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from backend.config import Settings, with_driver, without_driver
from backend.db.liveness import LOST, watch
from backend.errors import DatabaseUnavailable, DomainError, StatementTimeout

CONNECT_ERRORS = (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError, PoolTimeout)
"""What is raised when there is no server, or it lets nobody in."""

# Together, with the check of a connection, they bound how long a request waits for one.
_CONNECT_SECONDS = 4.0
_POOL_SECONDS = 4.0
# How much longer than the server's own limit an answer may take until nobody waits for it.
_GRACE_SECONDS = 2.0
# What breaks a connection in use; files, which a handler may read meanwhile, fail with others.
_BROKEN = (ConnectionError, TimeoutError, asyncpg.InternalClientError)
_UNDEFINED_TABLE, _UNDEFINED_COLUMN = "42P01", "42703"
_READ_ONLY = "25006"
# The server ended the statement: it took too long, waited too long for a lock, or idled in between.
_TIMEOUTS = ("57014", "55P03", "25P03", "25P04")
# Classes of SQLSTATE that say that the server, not the statement, is the matter: no connection,
# transactions in each other's way, no resources, an operator at work, a disk that fails.
_SERVER_TROUBLE = ("08", "40", "53", "57", "58")


def create_engine(
    database_url: str,
    *,
    pool_size: int = 5,
    max_overflow: int = 5,
    statement_timeout: float = 0.0,
    echo: bool = False,
) -> AsyncEngine:
    """An engine on ``database_url``, any spelling and any option that libpq knows.

    ``statement_timeout`` is in seconds, 0 means none. No connection is made yet.
    """
    dsn = without_driver(database_url)
    server_settings = {
        "application_name": "quality-compass",
        "search_path": "public",
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": str(int(statement_timeout * 1000)),
    }

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            dsn,
            timeout=_CONNECT_SECONDS,
            command_timeout=statement_timeout + _GRACE_SECONDS if statement_timeout else None,
            server_settings=server_settings,
        )

    engine = create_async_engine(
        with_driver(database_url).partition("?")[0],
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=_POOL_SECONDS,
        echo=echo,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )
    watch(engine)
    return engine


def create_serving_engine(database_url: str, settings: Settings) -> AsyncEngine:
    """An engine for requests, with the pool and the limits of ``settings``."""
    return create_engine(
        database_url,
        pool_size=settings.DATABASE_POOL_SIZE,
        max_overflow=settings.DATABASE_MAX_OVERFLOW,
        statement_timeout=settings.DATABASE_STATEMENT_TIMEOUT,
        echo=settings.DEBUG,
    )


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection that reads one state of the database, however many statements it takes.

    Whoever answers from it never mixes what was before a publish with what came after.
    Raises DatabaseUnavailable, StatementTimeout.
    """
    async with connect(engine) as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


@asynccontextmanager
async def single(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection to read by one statement, which sees one state of the database without a transaction.

    Raises DatabaseUnavailable, StatementTimeout.
    """
    async with connect(engine) as connection:
        # Spares the round trips that begin and end a transaction.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


@asynccontextmanager
async def connect(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection, as it is. Raises DatabaseUnavailable, StatementTimeout."""
    try:
        connection = await engine.connect()
    except CONNECT_ERRORS as error:
        raise DatabaseUnavailable(_reason(error)) from error
    try:
        try:
            yield connection
        finally:
            await connection.close()
    except DBAPIError as error:
        understood = as_domain_error(error)
        if understood is None:
            raise
        raise understood from error
    except _BROKEN as error:
        raise DatabaseUnavailable(_reason(error)) from error


@asynccontextmanager
async def begin(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction: committed at the end of the block, before anybody is told that it succeeded.

    Raises DatabaseUnavailable, StatementTimeout.
    """
    async with connect(engine) as connection:
        try:
            async with connection.begin():
                yield connection
        except DBAPIError as error:
            # A standby, or a server that an operator has closed to writers.
            if _sqlstate(error) == _READ_ONLY:
                raise DatabaseUnavailable("it takes no writes at present") from error
            raise


def as_domain_error(error: DBAPIError) -> DomainError | None:
    """What ``error`` means to a caller, if it is about the server and not about the statement."""
    code = _sqlstate(error)
    if code in _TIMEOUTS:
        return StatementTimeout()
    if error.connection_invalidated or (code is not None and code[:2] in _SERVER_TROUBLE):
        return DatabaseUnavailable("the connection was lost" if code is None else f"SQLSTATE {code}")
    return None


def _sqlstate(error: DBAPIError) -> str | None:
    code = getattr(error.orig, "sqlstate", None)
    return code if isinstance(code, str) else None


def is_undefined_table(error: DBAPIError) -> bool:
    """Whether a table is missing because nothing was loaded or built yet."""
    return _sqlstate(error) == _UNDEFINED_TABLE


def is_undefined(error: DBAPIError) -> bool:
    """Whether a table is missing, or is one of another version that lacks a column."""
    return _sqlstate(error) in (_UNDEFINED_TABLE, _UNDEFINED_COLUMN)


def _reason(error: BaseException) -> str:
    if isinstance(error, DBAPIError):
        return str(error.orig)
    if isinstance(error, asyncpg.PostgresError):
        return str(error)
    if isinstance(error, PoolTimeout):
        return "all connections are in use"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"no connection ({type(error).__name__})"


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()
