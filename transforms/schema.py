"""The database schema as commands see it: the application's migrations and the raw tables."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from backend.db.revision import HEAD
from transforms.database import configured_url, connection
from transforms.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from backend.db.schema_status import SchemaStatus

_ENCODING = "UTF8"
UPGRADE_HINT = "run `compass db upgrade`"
NEWER_HINT = "a newer version of the program made it: run that one"


class WrongEncoding(DatabaseUnavailable):
    """The database cannot hold every text."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        super().__init__(
            f"the encoding of the database is {encoding}, which lacks letters that runs hold",
            f"make one with: create database NAME template template0 encoding '{_ENCODING}'",
        )


async def schema_status(database_url: str) -> SchemaStatus:
    """Where the schema is; raises DatabaseUnavailable when the server does not answer."""
    from backend.db import migrate

    async with connection(database_url):
        pass
    return await asyncio.to_thread(migrate.status, database_url)


async def upgrade_schema(database_url: str) -> None:
    """Migrate the application's tables, create the raw tables and store the project's documents.

    Raises DatabaseUnavailable, and as such WrongEncoding, before anything is changed.
    """
    from backend.db import migrate
    from transforms.copy import create_raw_tables
    from transforms.lifecycle.project_documents import store_project_documents

    async with connection(database_url) as opened:
        encoding = await opened.fetchval("show server_encoding")
        if encoding != _ENCODING:
            raise WrongEncoding(encoding)
    await asyncio.to_thread(migrate.upgrade, database_url)
    async with connection(database_url) as opened:
        await create_raw_tables(opened)
        await store_project_documents(opened)


async def require_schema(database_url: str) -> None:
    """Raise DatabaseUnavailable unless the schema is the one this version needs."""
    status = await schema_status(database_url)
    if not status.up_to_date:
        raise DatabaseUnavailable(
            f"the database schema is at {status.current or 'no revision'}, this version needs {status.head}",
            UPGRADE_HINT if status.known else NEWER_HINT,
        )


async def prepare(database_url: str) -> None:
    """Make the schema ready for loading: the embedded database is migrated, another is checked.

    A server of the user's is never migrated as a side effect of another command.
    """
    if await _at_head(database_url):
        return
    if configured_url() is None:
        await upgrade_schema(database_url)
    else:
        await require_schema(database_url)


async def _at_head(database_url: str) -> bool:
    """Whether the schema is up to date, told in two queries; Alembic takes a while to import."""
    async with connection(database_url) as opened:
        if await opened.fetchval("select to_regclass('public.alembic_version')") is None:
            return False
        return bool(await opened.fetchval("select version_num from public.alembic_version") == HEAD)
