"""What handlers get handed: settings and engines.

A handler opens and closes its own connection, so that what it wrote is committed, and the
connection free, before the answer leaves.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from backend.caching import standing
from backend.caching.replica import Reads
from backend.config import Settings


# Coroutines, although they wait for nothing: others are run in a thread.
async def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


async def _engine(request: Request) -> AsyncEngine:
    return cast(AsyncEngine, request.app.state.engine)


async def _read_engine(request: Request) -> AsyncEngine:
    return await cast(Reads, request.app.state.reads).engine()


async def _standing_values(request: Request) -> standing.StandingValues:
    return cast(standing.StandingValues, request.app.state.standing_values)


AppSettings = Annotated[Settings, Depends(_settings)]
Engine = Annotated[AsyncEngine, Depends(_engine)]
"""The database that is written to."""
ReadEngine = Annotated[AsyncEngine, Depends(_read_engine)]
"""The database that is read from: the replica, where there is one that has all that was written."""
StandingValues = Annotated[standing.StandingValues, Depends(_standing_values)]
"""What is known of all signals, for as long as they stand."""
