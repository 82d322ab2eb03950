"""Compiled models, written in PostgreSQL's dialect, in DuckDB's."""

from __future__ import annotations

from typing import ClassVar

import sqlglot
from sqlglot import errors

from transforms.compiled.manifest import Node
from transforms.errors import CompassError


class NotPortable(CompassError):
    """A model uses SQL that cannot be said in DuckDB's dialect."""

    exit_code: ClassVar[int] = 1

    def __init__(self, node: Node, reason: str) -> None:
        self.node = node
        self.reason = reason
        super().__init__(
            f"{node.resource_type} {node.name} (dbt/{node.file_path}) is not portable: {reason}",
            "keep models inside the SQL subset of docs/architecture.md",
        )


def to_duckdb(node: Node) -> str:
    """The compiled SQL of ``node`` for DuckDB; raises NotPortable."""
    try:
        statements = sqlglot.transpile(
            node.compiled_sql,
            read="postgres",
            write="duckdb",
            pretty=True,
            unsupported_level=errors.ErrorLevel.RAISE,
        )
    except errors.SqlglotError as error:
        raise NotPortable(node, str(error)) from error
    if len(statements) != 1:
        raise NotPortable(node, f"it holds {len(statements)} statements")
    return statements[0]


def type_to_duckdb(postgres_type: str) -> str:
    """A PostgreSQL type name in DuckDB's spelling."""
    return sqlglot.exp.DataType.build(postgres_type, dialect="postgres").sql(dialect="duckdb")
