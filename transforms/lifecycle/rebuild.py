"""Do a run again whose marts are built: load, build and publish in one transaction.

Readers see the run as it was until the commit and as it is after it. A process that fails or is
killed before the commit leaves rows, marts, signals and state as they were.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.locks import HYDRATION
from backend.enums import RunState
from backend.services.signal_hydrator import HydrationResult
from transforms.engines.base import BuildResult
from transforms.engines.context import ComputedRows
from transforms.engines.postgres import PostgresEngine
from transforms.engines.turn import build_turn
from transforms.lifecycle import registry
from transforms.lifecycle.documents import keep_documents
from transforms.lifecycle.models import run_models
from transforms.lifecycle.project_documents import store_project_documents
from transforms.lifecycle.publish import publish_within
from transforms.lifecycle.transaction import transaction
from transforms.progress import Progress

Load = Callable[[asyncpg.Connection], Awaitable[None]]
Timed = Callable[[str], AbstractContextManager[None]]
"""Wraps a step, given its name, to take its time."""


def untimed(step: str) -> AbstractContextManager[None]:
    """Nobody asks how long the step takes."""
    return nullcontext()


async def rebuild(
    connection: asyncpg.Connection,
    database_url: str,
    run: registry.RunRecord,
    *,
    progress: Progress,
    publish: bool,
    load: Load | None = None,
    computed: ComputedRows | None = None,
    timed: Timed = untimed,
) -> tuple[BuildResult, HydrationResult | None]:
    """Load ``run`` (where ``load`` says how), build it with the native engine, and publish it.

    ``computed`` are rows that the engine need not select.

    Without ``publish`` it keeps its state. The caller holds the run's lock; on ``connection`` the
    registry notes a failure. Raises BuildFailed and what ``load`` raises.
    """
    try:
        async with build_turn(database_url) as turn, _alone(database_url) as (outer, inner):
            if load is not None:
                await load(inner)
            await registry.set_state(inner, run.run_key, RunState.BUILDING)
            engine = PostgresEngine(database_url, within=inner, computed=computed)
            with timed("build"):
                result = await run_models(engine, turn, progress)
                await store_project_documents(inner)
            await keep_documents(inner, connection, run.run_key)
            await registry.set_state(inner, run.run_key, RunState.BUILT)
            if not publish:
                await registry.set_state(inner, run.run_key, run.state)
                return result, None
            with progress.step("Publishing"), timed("publish"):
                return result, await publish_within(outer, run.run_key)
    except BaseException as error:
        if not connection.is_closed():
            message = f"{registry.failure('rebuild', error)}\nThe run is kept as it was before"
            await registry.record_error(connection, run.run_key, message)
        raise


@asynccontextmanager
async def _alone(database_url: str) -> AsyncIterator[tuple[AsyncConnection, asyncpg.Connection]]:
    """A transaction while nobody else publishes: SQLAlchemy's connection, and the driver's below it."""
    async with transaction(database_url) as outer:
        # First of all, for whoever publishes takes this lock before rows of the registry.
        await outer.execute(select(func.pg_advisory_xact_lock(HYDRATION)))
        inner = (await outer.get_raw_connection()).driver_connection
        assert isinstance(inner, asyncpg.Connection), "the engine's driver is asyncpg"
        yield outer, inner
