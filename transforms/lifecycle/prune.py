"""Prune: delete the runs that nobody needs any more, with every row of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import asyncpg

from backend.enums import RunState
from contracts.ddl import quote_identifier
from transforms.copy import delete_run
from transforms.database import connection as connect_to
from transforms.errors import UsageError
from transforms.lifecycle import registry
from transforms.lifecycle.lock import run_lock_if_free

_MODEL_TABLES = """
select n.nspname as schema, c.relname as name
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = 'run_key' and not a.attisdropped
where n.nspname like 'public\\_%' and c.relkind in ('r', 'p')
order by 1, 2
"""
"""Tables of models with rows a run. Asked of the database, for an older version may have left some."""


class GraphUnknown(UsageError):
    """The registry holds no run of the graph."""

    def __init__(self, graph_name: str, graphs: Iterable[str]) -> None:
        self.graph_name = graph_name
        known = ", ".join(graphs) or "none"
        super().__init__(
            f"no run of graph {graph_name!r} is loaded; graphs: {known}", "see `compass runs list`"
        )


@dataclass(frozen=True, slots=True)
class PruneResult:
    """Keys of the runs that were deleted (or would be), and of those left because they are in use."""

    pruned: list[str]
    busy: list[str]


async def prune(
    database_url: str, keep: int, graph_name: str | None = None, *, dry_run: bool = False
) -> PruneResult:
    """Delete all runs of each graph but the published one and the ``keep`` newest others.

    Each run goes in a transaction of its own: rows of raw tables and models, and its place in the
    registry. A run that a command works on is left. Signals, assignments and events stay. Raises
    GraphUnknown.
    """
    async with connect_to(database_url) as connection:
        await registry.fail_interrupted(connection)
        runs = await registry.list_runs(connection)
        graphs = sorted({run.graph_name for run in runs})
        if graph_name is not None and graph_name not in graphs:
            raise GraphUnknown(graph_name, graphs)
        result = PruneResult([], [])
        for run in _surplus(runs, keep):
            if graph_name not in (None, run.graph_name):
                continue
            async with run_lock_if_free(connection, run.run_key) as free:
                if free and (dry_run or await _delete(connection, run.run_key)):
                    result.pruned.append(run.run_key)
                elif not free:
                    result.busy.append(run.run_key)
        return result


def _surplus(runs: list[registry.RunRecord], keep: int) -> list[registry.RunRecord]:
    """Runs that go, from runs by graph, newest first."""
    surplus: list[registry.RunRecord] = []
    for _, of_graph in groupby(runs, key=lambda run: run.graph_name):
        surplus += [run for run in of_graph if run.state is not RunState.PUBLISHED][keep:]
    return surplus


async def _delete(connection: asyncpg.Connection, run_key: str) -> bool:
    """Delete a run; False when it was published or deleted meanwhile."""
    async with connection.transaction():
        state = await connection.fetchval(
            "select state from public.runs where run_key = $1 for update", run_key
        )
        if state in (None, RunState.PUBLISHED):
            return False
        await delete_run(connection, run_key)
        for table in await connection.fetch(_MODEL_TABLES):
            target = f"{quote_identifier(table['schema'])}.{quote_identifier(table['name'])}"
            await connection.execute(f"delete from {target} where run_key = $1", run_key)  # noqa: S608
        await connection.execute("delete from public.runs where run_key = $1", run_key)
    return True
