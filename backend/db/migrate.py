"""Bringing the schema of the application's tables up to date.

``python -m backend.db.migrate upgrade|status`` is for images that hold the service alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from alembic import command
from alembic.config import Config
from pydantic import ValidationError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.config import SETTINGS_HINT, get_settings, wrong_settings
from backend.db.locks import MIGRATION as MIGRATION_LOCK
from backend.db.revision import MIGRATIONS
from backend.db.schema_status import SchemaStatus, status_on
from backend.db.session import connect, create_engine
from backend.errors import DomainError

_Answer = TypeVar("_Answer")


def status(database_url: str) -> SchemaStatus:
    """Where a database's schema is, and where it must be. Raises DatabaseUnavailable."""
    return asyncio.run(_with_connection(database_url, status_on))


def upgrade(database_url: str) -> None:
    """Bring a database to ``HEAD``; several processes may do so at once.

    Raises DatabaseUnavailable, and SchemaMismatch when the database is at a revision that this
    version does not know.
    """
    asyncio.run(_with_connection(database_url, _upgrade))


async def _upgrade(connection: AsyncConnection) -> None:
    # A session lock: each revision has a transaction of its own.
    await connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
    await connection.commit()
    try:
        found = await status_on(connection)
        await connection.rollback()
        if not found.known:
            found.require()
        await connection.run_sync(lambda held: command.upgrade(config(held), "head"))
    finally:
        await connection.rollback()
        await connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
        await connection.commit()


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings: where the revisions are, and the connection to apply them on."""
    settings = Config()
    # A percent sign in a path would start an interpolation.
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


async def _with_connection(
    database_url: str, work: Callable[[AsyncConnection], Awaitable[_Answer]]
) -> _Answer:
    engine = create_engine(database_url)
    try:
        async with connect(engine) as connection:
            return await work(connection)
    finally:
        await engine.dispose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0, 2 for wrong settings, 4 when the schema is not up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m backend.db.migrate", description="The schema of the database in DATABASE_URL."
    )
    parser.add_argument("action", choices=("upgrade", "status"))
    action = parser.parse_args(arguments).action
    try:
        url = get_settings().DATABASE_URL
        if action == "upgrade":
            upgrade(url)
        found = status(url)
    except DomainError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except ValidationError as error:
        sys.stderr.write(f"error: {wrong_settings(error)} ({SETTINGS_HINT})\n")
        return 2
    sys.stdout.write(f"database: {found.current or 'empty'}\nneeded:   {found.head}\n")
    return 0 if found.up_to_date else 4


if __name__ == "__main__":
    sys.exit(main())
