"""The whole project in DuckDB's dialect, bound to its tables before there is any data."""

from __future__ import annotations

import duckdb

from contracts.ddl import quote_identifier
from transforms.compiled.dag import Dag
from transforms.compiled.manifest import Manifest, Node
from transforms.engines.relations import qualified
from transforms.transpile.column_types import ColumnTypes
from transforms.transpile.errors import NotPortable
from transforms.transpile.failures import failures_query
from transforms.transpile.raw_tables import create_raw_tables
from transforms.transpile.translate import to_duckdb


def check_portable(manifest: Manifest) -> dict[str, str]:
    """DuckDB SQL of every model and data test of ``manifest``, by unique id.

    Each passes the gate, and DuckDB plans each on empty tables. Raises NotPortable for the first
    that does not.
    """
    types = ColumnTypes(manifest)
    translated = {}
    with duckdb.connect() as empty:
        # What counts is that names and types resolve; a good plan for no rows does not.
        empty.execute("pragma disable_optimizer")
        create_raw_tables(empty)
        for unique_id in Dag(manifest).order:
            node = manifest.nodes[unique_id]
            if node.resource_type == "seed":
                types.learn_seed(node)
                _create_seed(empty, node)
                continue
            translated[unique_id] = sql = to_duckdb(node, types)
            try:
                _bind(empty, node, sql)
            except duckdb.Error as error:
                raise NotPortable(node, f"DuckDB does not accept it: {error}") from error
    return translated


def _bind(empty: duckdb.DuckDBPyConnection, node: Node, sql: str) -> None:
    if node.resource_type == "test":
        empty.execute(f"explain {failures_query(node, sql)}")
        return
    empty.execute(f"explain {sql}")
    empty.execute(f"create schema if not exists {quote_identifier(node.schema)}")
    empty.execute(f"create table {qualified(node.schema, node.alias)} as {sql} with no data")


def _create_seed(empty: duckdb.DuckDBPyConnection, node: Node) -> None:
    assert node.seed is not None, f"{node.unique_id} is a seed"
    columns = ", ".join(f"{quote_identifier(name)} {type_}" for name, type_ in node.seed.column_types)
    empty.execute(f"create schema if not exists {quote_identifier(node.schema)}")
    empty.execute(f"create table {qualified(node.schema, node.alias)} ({columns})")
