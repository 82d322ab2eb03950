"""The database schema as commands see it: the application's migrations and the raw tables."""

from __future__ import annotations

import asyncio

from backend.db import migrate
from transforms.copy import create_raw_tables
from transforms.database import configured_url, connection
from transforms.errors import DatabaseUnavailable

UPGRADE_HINT = "run `compass db upgrade`"


async def schema_status(database_url: str) -> migrate.SchemaStatus:
    """Where the schema is; raises DatabaseUnavailable when the server does not answer."""
    async with connection(database_url):
        pass
    return await asyncio.to_thread(migrate.status, database_url)


async def upgrade_schema(database_url: str) -> None:
    """Migrate the application's tables and create the raw tables."""
    async with connection(database_url):
        pass
    await asyncio.to_thread(migrate.upgrade, database_url)
    async with connection(database_url) as opened:
        await create_raw_tables(opened)


async def require_schema(database_url: str) -> None:
    """Raise DatabaseUnavailable unless the schema is the one this version needs."""
    status = await schema_status(database_url)
    if not status.up_to_date:
        raise DatabaseUnavailable(
            f"the database schema is at {status.current or 'no revision'}, this version needs {status.head}",
            UPGRADE_HINT,
        )


async def prepare(database_url: str) -> None:
    """Make the schema ready for loading: the embedded database is migrated, another is checked.

    A server of the user's is never migrated as a side effect of another command.
    """
    if configured_url() is None:
        status = await schema_status(database_url)
        if not status.up_to_date:
            await upgrade_schema(database_url)
    else:
        await require_schema(database_url)
