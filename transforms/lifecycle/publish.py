"""Publish a built run: flip the graph's pointer and hydrate signals in one transaction."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import Run
from backend.enums import RunState
from backend.services.signal_hydrator import HydrationResult
from backend.services.signal_hydrator import hydrate as hydrate_run
from backend.services.signal_hydrator import publish as publish_run
from transforms.database import connection as connect_to
from transforms.lifecycle import registry
from transforms.lifecycle.lock import OnBusy, run_lock, wait
from transforms.lifecycle.operator import operator
from transforms.lifecycle.transaction import transaction
from transforms.progress import Progress


async def publish(database_url: str, run_key: str, progress: Progress) -> HydrationResult:
    """Make ``run_key`` the published run of its graph; readers see the old run or the new one."""
    with progress.step("Publishing"):
        async with transaction(database_url) as connection:
            return await publish_within(connection, run_key)


async def publish_within(connection: AsyncConnection, run_key: str) -> HydrationResult:
    """As ``publish``, in the caller's transaction."""
    result = await publish_run(connection, run_key)
    await connection.execute(update(Run).where(Run.run_key == run_key).values(published_by=operator()))
    return result


async def publish_named(
    database_url: str, name: str, progress: Progress, on_busy: OnBusy = wait
) -> tuple[str, HydrationResult]:
    """Publish the run ``name`` means; raises RunUnknown, RunAmbiguous, RunBusy, RunNotBuilt."""
    async with connect_to(database_url) as connection:
        await registry.fail_interrupted(connection)
        run_key = (await registry.find_run(connection, name)).run_key
        async with run_lock(connection, run_key, on_busy):
            return run_key, await publish(database_url, run_key, progress)


async def hydrate_named(
    database_url: str, name: str | None, progress: Progress
) -> list[tuple[str, HydrationResult]]:
    """Hydrate again the run ``name`` means, or every published run."""
    async with connect_to(database_url) as connection:
        if name is not None:
            run_keys = [(await registry.find_run(connection, name)).run_key]
        else:
            runs = await registry.list_runs(connection)
            run_keys = [run.run_key for run in runs if run.state is RunState.PUBLISHED]
    hydrated = []
    for run_key in run_keys:
        with progress.step(f"Hydrating {run_key}"):
            async with transaction(database_url) as connection:
                hydrated.append((run_key, await hydrate_run(connection, run_key)))
    return hydrated
