"""The DuckDB engine: the same models and tests in memory, over staged frames, without a server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from contracts.ddl import LOADED_AT, quote_identifier
from contracts.run_data import RunData
from contracts.tables import RAW_TABLES
from transforms.compiled.dag import Dag
from transforms.compiled.manifest import PROJECT, Manifest, Node
from transforms.compiled.selection import select as select_nodes
from transforms.engines.base import BuildResult, NodeResult, Progress, ProgressCallback, Status
from transforms.engines.relations import qualified
from transforms.engines.schedule import Schedule
from transforms.transpile.failures import failures_query
from transforms.transpile.raw_tables import RAW_SCHEMA, create_raw_tables

_FRAME = "staged_frame_"


class DuckDbEngine:
    """Builds in ``connection``, whose raw tables ``load_frames`` has filled.

    Nodes run one after the other: DuckDB spreads each statement over the cores by itself.
    ``translated`` is the DuckDB SQL of the manifest to build: what ``check_portable`` gave, or
    ``load_translations`` read.
    """

    name = "duckdb"

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        translated: Mapping[str, str],
        *,
        project: Path = PROJECT,
    ) -> None:
        self._connection = connection
        self._project = project
        self._translated = translated

    async def build(
        self,
        manifest: Manifest,
        *,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        full_refresh: bool = False,
        on_progress: ProgressCallback | None = None,
    ) -> BuildResult:
        """Run the selected nodes; see transforms.engines.base.Engine.

        Every build is a full one, so ``full_refresh`` changes nothing.
        """
        start = time.perf_counter()
        dag = Dag(manifest)
        chosen = select_nodes(manifest, dag, select, exclude)
        nodes = manifest.nodes
        finished: list[NodeResult] = []

        def finish(result: NodeResult) -> NodeResult:
            finished.append(result)
            if on_progress is not None:
                on_progress(Progress("finished", len(finished), len(chosen), result.node, result))
            return result

        def skip(unique_id: str, cause: str) -> NodeResult:
            message = f"skipped because {nodes[cause].resource_type} {nodes[cause].name} failed"
            return finish(NodeResult(node=nodes[unique_id], status=Status.SKIPPED, message=message))

        async def run(unique_id: str) -> NodeResult:
            return finish(self._run(nodes[unique_id], self._translated.get(unique_id, "")))

        descendants = {unique_id: len(dag.descendants(unique_id)) for unique_id in chosen}
        await Schedule(dag.blockers(chosen), descendants, skip).run([run])
        return BuildResult(self.name, manifest.dbt_version, tuple(finished), time.perf_counter() - start)

    def _run(self, node: Node, sql: str) -> NodeResult:
        started_at, start = datetime.now(UTC), time.perf_counter()
        status, message, rows, failures = Status.SUCCESS, None, None, None
        try:
            if node.resource_type == "test":
                status, failures = self._test(node, sql)
            elif node.resource_type == "seed":
                rows = self._seed(node)
            else:
                rows = self._materialize(node, sql)
        except duckdb.Error as error:
            status, message = Status.ERROR, str(error)
        return NodeResult(
            node=node,
            status=status,
            message=message,
            rows=rows,
            failures=failures,
            started_at=started_at,
            execution_time=time.perf_counter() - start,
        )

    def _materialize(self, node: Node, sql: str) -> int | None:
        self._connection.execute(f"create schema if not exists {quote_identifier(node.schema)}")
        target = qualified(node.schema, node.alias)
        if node.materialized == "view":
            self._connection.execute(f"create or replace view {target} as {sql}")
            return None
        self._connection.execute(f"create or replace table {target} as {sql}")
        return self._count(f"select count(*) from {target}")  # noqa: S608 - quoted identifiers only

    def _seed(self, node: Node) -> int:
        assert node.seed is not None, f"{node.unique_id} is a seed"
        self._connection.execute(f"create schema if not exists {quote_identifier(node.schema)}")
        # DuckDB knows PostgreSQL's names of types.
        relation = self._connection.read_csv(
            str(self._project / node.file_path),
            header=True,
            columns=dict(node.seed.column_types),
            delimiter=node.seed.delimiter,
        )
        self._connection.execute(f"drop table if exists {qualified(node.schema, node.alias)}")
        relation.create(f"{node.schema}.{node.alias}")
        return self._count(f"select count(*) from {qualified(node.schema, node.alias)}")  # noqa: S608 - quoted identifiers only

    def _test(self, node: Node, sql: str) -> tuple[Status, int]:
        assert node.test is not None, f"{node.unique_id} is a test"
        failed, should_warn, should_error = self._connection.execute(failures_query(node, sql)).fetchall()[0]
        failures = int(failed or 0)
        if node.test.severity == "error" and should_error:
            return Status.FAIL, failures
        return (Status.WARN if should_warn else Status.PASS), failures

    def _count(self, query: str) -> int:
        return int(self._connection.execute(query).fetchall()[0][0])


def load_frames(connection: duckdb.DuckDBPyConnection, runs: Sequence[RunData]) -> None:
    """Make the raw tables of ``connection`` out of staged frames; nothing is copied.

    They are views over the frames, which the connection keeps alive.
    """
    create_raw_tables(connection)
    for data in runs:
        connection.execute(
            f"insert into {RAW_SCHEMA}.runs values (?, ?, ?, 'building', now())",  # noqa: S608 - a constant
            [data.run_key, data.graph_name, data.run_id],
        )
    for table in RAW_TABLES:
        columns = ", ".join(quote_identifier(name) for name in table.column_names)
        parts = []
        for number, data in enumerate(runs):
            frame = f"{_FRAME}{number}_{table.name}"
            connection.register(frame, data.frames[table.name])
            parts.append(f"select {columns}, now() as {quote_identifier(LOADED_AT)} from {frame}")  # noqa: S608 - quoted
        target = qualified(RAW_SCHEMA, table.name)
        connection.execute(f"drop table {target}")
        connection.execute(f"create view {target} as {' union all '.join(parts)}")
