"""What a model came to in an engine: its columns, their types and its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import duckdb

from transforms.compiled.manifest import Manifest, Node
from transforms.engines.relations import qualified

Row = Mapping[str, Any]

# PostgreSQL's internal names in DuckDB's words; other types are compared as they are called.
_TYPES = {
    "bool": "BOOLEAN",
    "date": "DATE",
    "float8": "DOUBLE",
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "varchar": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """Columns in order, with DuckDB's names of their types, and rows."""

    columns: Mapping[str, str]
    rows: Sequence[Row]


def relations(manifest: Manifest) -> list[Node]:
    """Models and seeds, by name: what is compared."""
    nodes = (node for node in manifest.nodes.values() if node.resource_type in ("model", "seed"))
    return sorted(nodes, key=lambda node: node.name)


def grain(manifest: Manifest, node: Node) -> tuple[str, ...]:
    """Columns that identify a row of ``node``, from its uniqueness tests; none without one."""
    for test in manifest.nodes.values():
        if test.test is None or test.test.attached_node != node.unique_id:
            continue
        if test.test.kind == "unique_combination":
            return tuple(test.test.arguments["columns"])
        if test.test.kind == "unique" and test.test.column_name is not None:
            return (test.test.column_name,)
    return ()


async def read_postgres(connection: asyncpg.Connection, node: Node) -> Relation:
    """The relation of ``node`` in PostgreSQL."""
    statement = await connection.prepare(f"select * from {qualified(node.schema, node.alias)}")  # noqa: S608
    columns = {
        attribute.name: _TYPES.get(attribute.type.name, attribute.type.name)
        for attribute in statement.get_attributes()
    }
    return Relation(columns, [dict(row) for row in await statement.fetch()])


def read_duckdb(connection: duckdb.DuckDBPyConnection, node: Node) -> Relation:
    """The relation of ``node`` in DuckDB."""
    cursor = connection.execute(f"select * from {qualified(node.schema, node.alias)}")  # noqa: S608
    columns = {column[0]: str(column[1]) for column in cursor.description or ()}
    return Relation(columns, [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()])
