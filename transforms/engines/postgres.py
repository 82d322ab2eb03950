"""The native engine: compiled models and tests run on PostgreSQL by asyncpg, without dbt."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from contracts.ddl import quote_identifier
from transforms.compiled.dag import Dag
from transforms.compiled.manifest import PROJECT, Manifest, Node
from transforms.compiled.selection import select as select_nodes
from transforms.compiled.sources import verify_sources
from transforms.database import connection
from transforms.engines.base import BuildResult, NodeResult, Progress, ProgressCallback, Status, waiting
from transforms.engines.context import BuildContext, ComputedRows
from transforms.engines.data_tests import run_test
from transforms.engines.errors import NodeFailed, StatementFailed, postgres_message
from transforms.engines.materialize import MATERIALIZATIONS
from transforms.engines.relations import Relations
from transforms.engines.schedule import Runner, Schedule
from transforms.engines.seeds import load_seed
from transforms.engines.turn import BUILD_SETTINGS, BuildTurn, joined
from transforms.errors import DatabaseUnavailable

DEFAULT_CONNECTIONS = max(2, min(4, os.cpu_count() or 2))
"""More than the server has processors for only makes all of them slower."""
_ATTEMPTS = 3
"""Of a node that loses a deadlock or race against another session; each is one transaction."""
# An internal error is what PostgreSQL says when another session changed the same object meanwhile.
_TRANSIENT = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InternalServerError,
)


class PostgresEngine:
    """Builds on the PostgreSQL at ``database_url`` with up to ``connections`` nodes at once.

    ``project`` is the dbt project the manifest was compiled from: its sources are compared with the
    manifest before anything is built, and its seeds are read. With ``within`` the build runs on
    that one connection, in the transaction the caller has open there. Rows that are ``computed``
    already, of the one run the build is of, are copied in instead of selected.
    """

    name = "native"

    def __init__(
        self,
        database_url: str,
        *,
        project: Path = PROJECT,
        connections: int = DEFAULT_CONNECTIONS,
        within: asyncpg.Connection | None = None,
        computed: ComputedRows | None = None,
    ) -> None:
        self._database_url = database_url
        self._project = project
        self._connections = connections
        self._within = within
        self._computed = computed or {}

    async def build(
        self,
        manifest: Manifest,
        *,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        full_refresh: bool = False,
        on_progress: ProgressCallback | None = None,
        turn: BuildTurn | None = None,
    ) -> BuildResult:
        """Run the selected nodes; see transforms.engines.base.Engine.

        Every node is one transaction: a build that fails, is cancelled or killed leaves each table
        as it was before or as it is after, never between.
        """
        start = time.perf_counter()
        verify_sources(manifest, self._project)
        dag = Dag(manifest)
        chosen = select_nodes(manifest, dag, select, exclude)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                joined(turn, self._database_url, waiting(len(chosen), on_progress))
            )
            connections = await self._open(stack, min(self._connections, max(len(chosen), 1)))
            nodes = [manifest.nodes[unique_id] for unique_id in sorted(chosen)]
            context = BuildContext(
                manifest=manifest,
                project=self._project,
                relations=await _prepare_schemas(connections[0], nodes),
                full_refresh=full_refresh,
                computed=self._computed,
            )
            build = _Build(context, dag, chosen, on_progress)
            await build.run(connections)
        return BuildResult(
            self.name,
            manifest.dbt_version,
            tuple(build.results),
            time.perf_counter() - start,
        )

    async def _open(self, stack: AsyncExitStack, count: int) -> list[asyncpg.Connection]:
        if self._within is not None:
            return [self._within]
        opened = await asyncio.gather(
            *(
                stack.enter_async_context(connection(self._database_url, BUILD_SETTINGS))
                for _ in range(count)
            ),
            return_exceptions=True,
        )
        for each in opened:
            if isinstance(each, BaseException):
                raise each
        return [each for each in opened if isinstance(each, asyncpg.Connection)]


async def _prepare_schemas(held: asyncpg.Connection, nodes: Sequence[Node]) -> Relations:
    """Create the schemas the nodes live in and read what is in them."""
    schemas = sorted({node.schema for node in nodes if node.resource_type != "test"})
    # Asked first: "create schema if not exists" wants the right to create even where it need not.
    present = await held.fetch("select nspname from pg_namespace where nspname = any($1::text[])", schemas)
    for schema in sorted(set(schemas) - {row["nspname"] for row in present}):
        await held.execute(f"create schema if not exists {quote_identifier(schema)}")
    relations = Relations(schemas)
    await relations.read(held)
    return relations


class _Build:
    """One build under way: runs nodes, keeps their results, tells how it goes."""

    def __init__(
        self,
        context: BuildContext,
        dag: Dag,
        chosen: frozenset[str],
        on_progress: ProgressCallback | None,
    ) -> None:
        self.results: list[NodeResult] = []
        self._context = context
        self._total = len(chosen)
        self._on_progress = on_progress
        self._schedule = Schedule(
            dag.blockers(chosen),
            {unique_id: len(dag.descendants(unique_id)) for unique_id in chosen},
            self._skip,
        )

    async def run(self, connections: Sequence[asyncpg.Connection]) -> None:
        await self._schedule.run([self._runner(each, f"worker-{i}") for i, each in enumerate(connections, 1)])

    def _runner(self, connection: asyncpg.Connection, worker: str) -> Runner:
        async def run(unique_id: str) -> NodeResult:
            node = self._context.manifest.nodes[unique_id]
            self._tell(Progress("started", len(self.results), self._total, node))
            return self._finished(await self._run_node(connection, node, worker))

        return run

    def _skip(self, unique_id: str, cause: str) -> NodeResult:
        nodes = self._context.manifest.nodes
        message = f"skipped because {nodes[cause].resource_type} {nodes[cause].name} failed"
        return self._finished(NodeResult(node=nodes[unique_id], status=Status.SKIPPED, message=message))

    def _finished(self, result: NodeResult) -> NodeResult:
        self.results.append(result)
        self._tell(Progress("finished", len(self.results), self._total, result.node, result))
        return result

    def _tell(self, progress: Progress) -> None:
        if self._on_progress is not None:
            self._on_progress(progress)

    async def _run_node(self, connection: asyncpg.Connection, node: Node, worker: str) -> NodeResult:
        started_at, start = datetime.now(UTC), time.perf_counter()
        status, message, rows, failures = await self._attempt(connection, node)
        return NodeResult(
            node=node,
            status=status,
            message=message,
            rows=rows,
            failures=failures,
            started_at=started_at,
            execution_time=time.perf_counter() - start,
            worker=worker,
        )

    async def _attempt(
        self, connection: asyncpg.Connection, node: Node
    ) -> tuple[Status, str | None, int | None, int | None]:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if node.resource_type == "test":
                    verdict = await run_test(connection, node)
                    return verdict.status, verdict.message, None, verdict.failures
                materialize = MATERIALIZATIONS.get(node.materialized, load_seed)
                outcome = await materialize(connection, node, self._context)
                return Status.SUCCESS, outcome.message, outcome.rows, None
            except (NodeFailed, asyncpg.PostgresError) as error:
                cause = error.error if isinstance(error, StatementFailed) else error
                if connection.is_closed():
                    raise _lost(node, cause) from error
                if isinstance(cause, _TRANSIENT) and attempt < _ATTEMPTS:
                    continue
                message = postgres_message(error) if isinstance(error, asyncpg.PostgresError) else str(error)
                return Status.ERROR, message, None, None
            except (OSError, asyncpg.InterfaceError) as error:
                raise _lost(node, error) from error
        raise AssertionError("the last attempt returns or raises")


def _lost(node: Node, error: BaseException) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"the connection to the database was lost while {node.resource_type} {node.name} ran: {error}",
        "nothing is half built: start the build again once the database answers",
    )
