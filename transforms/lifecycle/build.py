"""Build the marts of loaded runs with an engine, recorded in the registry."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Literal

import asyncpg

from backend.enums import RunState
from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT
from transforms.database import connection as connect_to
from transforms.engines.base import BuildResult
from transforms.engines.base import Progress as NodeProgress
from transforms.engines.dbt import DbtEngine
from transforms.engines.postgres import PostgresEngine
from transforms.engines.turn import build_turn
from transforms.lifecycle import registry
from transforms.lifecycle.lock import run_lock
from transforms.lifecycle.publish import publish
from transforms.progress import Progress

EngineName = Literal["native", "dbt"]

_ENGINES: dict[EngineName, type[PostgresEngine] | type[DbtEngine]] = {
    "native": PostgresEngine,
    "dbt": DbtEngine,
}


async def build(
    connection: asyncpg.Connection,
    database_url: str,
    run_keys: list[str],
    *,
    engine: EngineName = "native",
    progress: Progress,
) -> BuildResult:
    """Build the marts of ``run_keys``; raises BuildFailed when a model or test fails.

    The runs count as building while the engine works, which is what models select by; they end
    as built, or as failed.
    """
    manifest = load_verified(PROJECT)
    with progress.step(f"Building ({engine})", len(manifest.nodes)) as advance:

        def on_node(event: NodeProgress) -> None:
            if event.kind == "finished":
                advance(1)

        # The turn is taken before the runs count as building: a build under way works on the
        # runs it started with, not on one that comes along halfway through.
        async with build_turn(database_url) as turn:
            await registry.fail_interrupted_builds(connection)
            await _set_states(connection, run_keys, RunState.BUILDING)
            try:
                result = await _ENGINES[engine](database_url).build(manifest, on_progress=on_node, turn=turn)
                result.raise_for_problems()
            except BaseException as error:
                if not connection.is_closed():
                    await _set_states(connection, run_keys, RunState.FAILED, f"build failed: {error}")
                raise
            await _set_states(connection, run_keys, RunState.BUILT)
            return result


async def _set_states(
    connection: asyncpg.Connection, run_keys: list[str], state: RunState, error: str | None = None
) -> None:
    async with connection.transaction():
        for run_key in run_keys:
            await registry.set_state(connection, run_key, state, error=error)


async def build_named(
    database_url: str, names: list[str], *, engine: EngineName, progress: Progress
) -> tuple[list[str], BuildResult | None]:
    """Build the runs ``names`` means, or every run that is loaded and not built yet.

    Returns the run keys and the result, None when there was nothing to build. A run that was
    published is published again, so that its signals are those of the new marts. Holds the lock
    of each run; raises RunUnknown, RunAmbiguous, RunBusy, BuildFailed.
    """
    async with connect_to(database_url) as connection, AsyncExitStack() as locks:
        if names:
            runs = [await registry.find_run(connection, name) for name in names]
        else:
            known = await registry.list_runs(connection)
            runs = [run for run in known if run.state is RunState.LOADED]
        if not runs:
            return [], None
        run_keys = sorted({run.run_key for run in runs})
        for run_key in run_keys:
            await locks.enter_async_context(run_lock(connection, run_key))
        result = await build(connection, database_url, run_keys, engine=engine, progress=progress)
        for run in runs:
            if run.state is RunState.PUBLISHED:
                await publish(database_url, run.run_key, progress)
        return run_keys, result
