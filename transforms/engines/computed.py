"""Rows of models that DuckDB computes from staged frames, for a build on PostgreSQL to copy in.

The SQL is the same, proven to give the same rows (docs/decisions/0016); views, seeds, indexes and
data tests stay PostgreSQL's own, so that what is tested is what is served.
"""

from __future__ import annotations

import asyncio

import duckdb
import pyarrow as pa

from contracts.ddl import LOADED_AT, quote_identifier
from contracts.run_data import RunData
from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT, Manifest, Node
from transforms.engines.context import ComputedRows
from transforms.engines.duckdb import DuckDbEngine, load_frames
from transforms.engines.materialize import SCOPE_MODEL
from transforms.engines.relations import qualified
from transforms.transpile.compiled import load_translations


def compute_rows(data: RunData) -> ComputedRows:
    """Rows of every model that keeps rows by run, for the run of ``data`` alone.

    Raises BuildFailed where DuckDB cannot run a model, ManifestOutOfDate.
    """
    manifest = load_verified(PROJECT)
    with duckdb.connect() as memory:
        load_frames(memory, [data])
        engine = DuckDbEngine(memory, load_translations(manifest, PROJECT))
        asyncio.run(engine.build(manifest, exclude=["resource_type:test"])).raise_for_problems()
        return {node.unique_id: _rows(memory, node) for node in _kept_by_run(manifest)}


def _kept_by_run(manifest: Manifest) -> list[Node]:
    """Models with rows of their own; the scope says what PostgreSQL works on, which DuckDB cannot know."""
    return [
        node
        for node in manifest.nodes.values()
        if node.materialized == "incremental_by_run" and node.name != SCOPE_MODEL
    ]


def _rows(memory: duckdb.DuckDBPyConnection, node: Node) -> pa.Table:
    table = qualified(node.schema, node.alias)
    described = memory.execute(f"describe {table}").fetchall()
    columns = ", ".join(quote_identifier(row[0]) for row in described if row[0] != LOADED_AT)
    rows: pa.Table = memory.sql(f"select {columns} from {table}").to_arrow_table()  # noqa: S608 - quoted
    return rows
