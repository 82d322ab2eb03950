"""Build the marts of loaded runs with an engine, recorded in the registry."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Literal

import asyncpg

from backend.enums import WHOLE_MARTS, RunState
from transforms.database import connection as connect_to
from transforms.engines.base import BuildResult
from transforms.engines.context import ComputedRows
from transforms.engines.dbt import DbtEngine
from transforms.engines.postgres import PostgresEngine
from transforms.engines.turn import build_turn
from transforms.errors import CompassError
from transforms.lifecycle import registry
from transforms.lifecycle.lock import OnBusy, run_lock, wait
from transforms.lifecycle.models import run_models
from transforms.lifecycle.project_documents import store_project_documents
from transforms.lifecycle.published import PublishedRunProtected
from transforms.progress import Progress

EngineName = Literal["native", "dbt"]


class RunNotLoaded(CompassError):
    """No load of the run ever succeeded: there is nothing to build."""

    exit_code = 1

    def __init__(self, run_key: str) -> None:
        self.run_key = run_key
        super().__init__(f"{run_key} was never loaded", "load it with `compass ingest DIR`")


async def build(
    connection: asyncpg.Connection,
    database_url: str,
    run_keys: list[str],
    *,
    engine: EngineName = "native",
    progress: Progress,
    computed: ComputedRows | None = None,
) -> BuildResult:
    """Build the marts of ``run_keys``; raises BuildFailed when a model or test fails.

    ``computed`` are rows of a single run that the native engine need not select.

    The runs count as building while the engine works, which is what models select by; they end
    as built, or as failed. None of them may be published.
    """
    # The turn is taken before the runs count as building: a build under way works on the
    # runs it started with, not on one that comes along halfway through.
    async with build_turn(database_url) as turn:
        await registry.fail_interrupted_builds(connection)
        await _set_states(connection, run_keys, RunState.BUILDING)
        try:
            built_by = (
                PostgresEngine(database_url, computed=computed)
                if engine == "native"
                else DbtEngine(database_url)
            )
            result = await run_models(built_by, turn, progress)
            await store_project_documents(connection)
        except BaseException as error:
            if not connection.is_closed():
                message = registry.failure("build", error)
                await _set_states(connection, run_keys, RunState.FAILED, message)
            raise
        await _set_states(connection, run_keys, RunState.BUILT)
        return result


async def _set_states(
    connection: asyncpg.Connection, run_keys: list[str], state: RunState, error: str | None = None
) -> None:
    async with connection.transaction():
        for run_key in run_keys:
            await registry.set_state(connection, run_key, state, error=error)


def require_native(run: registry.RunRecord, engine: EngineName) -> None:
    """Raise PublishedRunProtected when ``engine`` would change a published run under its readers."""
    if run.state is RunState.PUBLISHED and engine != "native":
        raise PublishedRunProtected(
            run.run_key,
            f"{engine} changes marts model by model, under readers",
            "use the native engine, or publish another run first",
        )


async def build_named(
    database_url: str,
    names: list[str],
    *,
    engine: EngineName,
    progress: Progress,
    on_busy: OnBusy = wait,
) -> tuple[list[str], list[BuildResult]]:
    """Build the runs ``names`` means, or every run that is loaded and not built yet.

    Returns the run keys and what was built. A run whose marts were whole is built in one
    transaction, and published again in it where it was published. Holds the lock of each run;
    raises RunUnknown, RunAmbiguous, RunBusy, RunNotLoaded, PublishedRunProtected, BuildFailed.
    """
    async with connect_to(database_url) as connection, AsyncExitStack() as locks:
        await registry.fail_interrupted(connection)
        if names:
            known = [await registry.find_run(connection, name) for name in names]
        else:
            known = [run for run in await registry.list_runs(connection) if run.state is RunState.LOADED]
        for run_key in sorted({run.run_key for run in known}):
            await locks.enter_async_context(run_lock(connection, run_key, on_busy))
        # Read again: whoever held a lock may have changed the run.
        now = [await registry.find_run(connection, key) for key in sorted({run.run_key for run in known})]
        runs = [run for run in now if names or run.state is RunState.LOADED]
        for run in runs:
            if run.loaded_at is None:
                raise RunNotLoaded(run.run_key)
            require_native(run, engine)
        whole = [run for run in runs if run.state in WHOLE_MARTS and engine == "native"]
        others = [run.run_key for run in runs if run not in whole]
        results = []
        if others:
            results.append(await build(connection, database_url, others, engine=engine, progress=progress))
        for run in whole:
            from transforms.lifecycle.rebuild import rebuild

            publish = run.state is RunState.PUBLISHED
            result, _ = await rebuild(connection, database_url, run, progress=progress, publish=publish)
            results.append(result)
        return [run.run_key for run in runs], results
