"""The schema of the application's tables: what it is, and bringing it up to date.

``python -m backend.db.migrate upgrade|status`` is for images that hold the service alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.config import get_settings
from backend.db.locks import MIGRATION
from backend.db.session import connect, create_engine
from backend.errors import DomainError, SchemaMismatch

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Revision a database is at (None when it has none) and the one this version needs."""

    current: str | None
    head: str
    known: bool
    """Whether this version knows the revision that the database is at."""

    @property
    def up_to_date(self) -> bool:
        """Whether the database has the schema this version needs."""
        return self.current == self.head

    def require(self) -> None:
        """Raise SchemaMismatch unless the schema is up to date."""
        if not self.up_to_date:
            raise SchemaMismatch(self.current, self.head, known=self.known)


def head() -> str:
    """The revision this version needs."""
    return _revisions()[0]


def current(database_url: str) -> str | None:
    """The revision a database is at; None when it has none. Raises DatabaseUnavailable."""
    return asyncio.run(_with_connection(database_url, _current))


def status(database_url: str) -> SchemaStatus:
    """Where a database's schema is, and where it must be. Raises DatabaseUnavailable."""
    return _compare(current(database_url))


async def status_on(connection: AsyncConnection) -> SchemaStatus:
    """As ``status``, on a connection that is open already."""
    return _compare(await connection.run_sync(_current))


def upgrade(database_url: str) -> None:
    """Bring a database to ``head``; several processes may do so at once.

    Raises DatabaseUnavailable, and SchemaMismatch when the database is at a revision that this
    version does not know.
    """
    asyncio.run(_with_connection(database_url, _upgrade))


def _upgrade(connection: Connection) -> None:
    # A session lock: each revision has a transaction of its own.
    connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": MIGRATION})
    connection.commit()
    try:
        found = _compare(_current(connection))
        connection.rollback()
        if not found.known:
            found.require()
        command.upgrade(_config(connection), "head")
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": MIGRATION})
        connection.commit()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _compare(revision: str | None) -> SchemaStatus:
    return SchemaStatus(current=revision, head=head(), known=revision is None or revision in _revisions())


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    # A percent sign in a path would start an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@cache
def _revisions() -> tuple[str, ...]:
    """Every revision this version knows, the newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


async def _with_connection(database_url: str, work: Callable[[Connection], _Answer]) -> _Answer:
    engine = create_engine(database_url)
    try:
        async with connect(engine) as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0, or 4 when the schema is not up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m backend.db.migrate", description="The schema of the database in DATABASE_URL."
    )
    parser.add_argument("action", choices=("upgrade", "status"))
    action = parser.parse_args(arguments).action
    url = get_settings().DATABASE_URL
    try:
        if action == "upgrade":
            upgrade(url)
        found = status(url)
    except DomainError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write(f"database: {found.current or 'empty'}\nneeded:   {found.head}\n")
    return 0 if found.up_to_date else 4


if __name__ == "__main__":
    sys.exit(main())
