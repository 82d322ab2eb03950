"""The DuckDB engine: the same models and tests in memory, over staged frames, without a server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from contracts.ddl import quote_identifier
from contracts.run_data import RunData
from contracts.tables import RAW_TABLES
from transforms.compiled.dag import Dag
from transforms.compiled.manifest import PROJECT, Manifest, Node
from transforms.compiled.selection import select as select_nodes
from transforms.engines.base import BuildResult, NodeResult, Progress, ProgressCallback, Status
from transforms.engines.relations import qualified
from transforms.engines.schedule import Schedule
from transforms.transpile import check_portable, type_to_duckdb
from transforms.transpile.portable import failures_query
from transforms.transpile.raw_tables import RAW_SCHEMA, create_raw_tables

_REGISTERED = "staged_frame"


class DuckDbEngine:
    """Builds in ``connection``, whose raw tables ``load_frames`` has filled.

    Nodes run one after the other: DuckDB spreads each statement over the cores by itself.
    ``translated`` is what ``check_portable`` gave for the manifest to build, for a caller who wants
    to hear of SQL that is not portable before reading any data; without it each build asks first.
    """

    name = "duckdb"

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        project: Path = PROJECT,
        translated: Mapping[str, str] | None = None,
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

        Every build is a full one, so ``full_refresh`` changes nothing. Raises NotPortable before
        anything runs.
        """
        start = time.perf_counter()
        dag = Dag(manifest)
        chosen = select_nodes(manifest, dag, select, exclude)
        translated = check_portable(manifest) if self._translated is None else self._translated
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
            return finish(self._run(nodes[unique_id], translated.get(unique_id, "")))

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
        types = {name: type_to_duckdb(type_) for name, type_ in node.seed.column_types}
        relation = self._connection.read_csv(
            str(self._project / node.file_path), header=True, columns=types, delimiter=node.seed.delimiter
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


def load_frames(connection: duckdb.DuckDBPyConnection, data: RunData) -> None:
    """Fill the raw tables of ``connection`` from staged frames, adding to other runs' rows."""
    create_raw_tables(connection)
    connection.execute(
        f"insert into {RAW_SCHEMA}.runs values (?, ?, ?, 'building', now())",  # noqa: S608 - a constant
        [data.run_key, data.graph_name, data.run_id],
    )
    for table in RAW_TABLES:
        columns = ", ".join(quote_identifier(name) for name in table.column_names)
        connection.register(_REGISTERED, data.frames[table.name])
        target = f"{quote_identifier(RAW_SCHEMA)}.{quote_identifier(table.name)}"
        connection.execute(f"insert into {target} ({columns}) select {columns} from {_REGISTERED}")  # noqa: S608
        connection.unregister(_REGISTERED)
