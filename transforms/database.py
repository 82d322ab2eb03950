"""Which database a command works on, and connections to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg

from transforms.errors import DatabaseUnavailable

CONNECT_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What asyncpg raises when there is no server, or the server does not let us in."""

_LOST = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # What asyncpg says when it is used while it learns that the connection is gone.
    asyncpg.InternalClientError,
)

_SETTINGS = {
    "application_name": "compass",
    "search_path": "public",
    "jit": "off",
    "statement_timeout": "0",
    # Tables are analyzed after every load and build: this samples 7,500 rows, not 30,000, which
    # tells the planner as much about keys and takes half the time.
    "default_statistics_target": "25",
    # A killed command must not go on in the server, holding locks the next one waits for.
    "client_connection_check_interval": "2s",
}


def compass_home() -> Path:
    """Folder of the embedded database and other local state: COMPASS_HOME, or a per-user one."""
    from transforms.settings import command_settings

    configured = command_settings().COMPASS_HOME
    if configured:
        return Path(configured).expanduser().resolve()
    import platformdirs

    return platformdirs.user_data_path("quality-compass")


def configured_url() -> str | None:
    """DATABASE_URL of the environment or the .env file; None means the embedded server."""
    from backend.config import get_settings

    settings = get_settings()
    return settings.DATABASE_URL if "DATABASE_URL" in settings.model_fields_set else None


@contextmanager
def database() -> Iterator[str]:
    """Async DSN of the database to work on; starts the embedded server where none is configured.

    Raises DatabaseUnavailable when the embedded server does not start.
    """
    url = configured_url()
    if url is not None:
        yield url
        return
    from transforms.embedded import EmbeddedPostgres

    with EmbeddedPostgres(compass_home()) as server:
        yield server.url


def plain_dsn(database_url: str) -> str:
    """``database_url`` without SQLAlchemy's driver name, as asyncpg takes it."""
    return database_url.replace("postgresql+asyncpg://", "postgresql://", 1)


async def connect(database_url: str, settings: dict[str, str] | None = None) -> asyncpg.Connection:
    """A connection; ``settings`` override the server settings. Raises DatabaseUnavailable."""
    try:
        return await asyncpg.connect(
            plain_dsn(database_url), server_settings=_SETTINGS | (settings or {}), statement_cache_size=0
        )
    except CONNECT_ERRORS as error:
        raise DatabaseUnavailable(
            f"the database does not answer: {error}", "check DATABASE_URL and that the server runs"
        ) from error


@asynccontextmanager
async def connection(
    database_url: str, settings: dict[str, str] | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """As ``connect``, closed at the end; an interrupted statement is cancelled first.

    Raises DatabaseUnavailable also when, within the block, the connection is lost or the server
    runs out of room.
    """
    opened = await connect(database_url, settings)
    try:
        yield opened
    except asyncpg.InsufficientResourcesError as error:
        raise DatabaseUnavailable(
            f"the database server has no room left: {error.args[0]}",
            "make room on its disk or in its memory, then run the command again",
        ) from error
    except (*CONNECT_ERRORS, asyncpg.InternalClientError) as error:
        if not (opened.is_closed() or isinstance(error, _LOST)):
            raise
        raise DatabaseUnavailable(
            "the connection to the database was lost",
            "what was done so far is kept or undone whole; try again once the database answers",
        ) from error
    finally:
        await opened.close(timeout=5)
