"""One transaction of the service's connection, for what publishes and hydrates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import session


@asynccontextmanager
async def transaction(database_url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction, committed at the end of the block; raises DatabaseUnavailable."""
    engine = session.create_engine(database_url)
    try:
        async with session.begin(engine) as connection:
            # A killed command must not go on in the server, holding locks the next one waits for.
            await connection.execute(text("set local client_connection_check_interval = '2s'"))
            yield connection
    finally:
        await engine.dispose()
