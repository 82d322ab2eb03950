"""Roll back: publish again the run that a graph served before."""

from __future__ import annotations

import asyncpg

from backend.enums import RunState
from backend.services.signal_hydrator import HydrationResult
from transforms.database import connection as connect_to
from transforms.errors import CompassError, UsageError
from transforms.lifecycle import registry
from transforms.lifecycle.lock import OnBusy, run_lock, wait
from transforms.lifecycle.publish import publish
from transforms.progress import Progress


class GraphUnclear(UsageError):
    """No graph of this name was ever published, or several were and none is named."""

    def __init__(self, graph_name: str | None, graphs: list[str]) -> None:
        self.graph_name = graph_name
        self.graphs = tuple(graphs)
        known = ", ".join(graphs) or "none"
        if graph_name is not None:
            message = f"no run of graph {graph_name!r} was ever published; published graphs: {known}"
        elif graphs:
            message = f"several graphs have published runs: {known}"
        else:
            message = "no run was ever published"
        super().__init__(message, "say which with --graph NAME" if graphs else "see `compass runs list`")


class NothingToRollBackTo(CompassError):
    """No earlier published run of the graph is kept."""

    exit_code = 1

    def __init__(self, graph_name: str) -> None:
        self.graph_name = graph_name
        super().__init__(
            f"graph {graph_name!r} has no earlier published run", "see `compass runs list` for what is kept"
        )


async def rollback(
    database_url: str, graph_name: str | None, progress: Progress, on_busy: OnBusy = wait
) -> tuple[str, HydrationResult]:
    """Publish the run that was published before the present one; returns its key.

    A second rollback undoes the first. Raises GraphUnclear, NothingToRollBackTo, RunBusy.
    """
    async with connect_to(database_url) as connection:
        await registry.fail_interrupted(connection)
        graph = await _graph(connection, graph_name)
        previous = await registry.previous_run(connection, graph)
        if previous is None:
            raise NothingToRollBackTo(graph)
        async with run_lock(connection, previous.run_key, on_busy):
            return previous.run_key, await publish(database_url, previous.run_key, progress)


async def _graph(connection: asyncpg.Connection, graph_name: str | None) -> str:
    runs = await registry.list_runs(connection)
    published = (RunState.PUBLISHED, RunState.SUPERSEDED)
    graphs = sorted({run.graph_name for run in runs if run.state in published})
    if graph_name is None and len(graphs) == 1:
        return graphs[0]
    if graph_name is None or graph_name not in graphs:
        raise GraphUnclear(graph_name, graphs)
    return graph_name
