"""DDL of the raw tables for PostgreSQL and DuckDB, derived from their declarations."""

from __future__ import annotations

from contracts.columns import ColumnType, Table

POSTGRES_TYPES: dict[ColumnType, str] = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "bigint",
    ColumnType.FLOAT: "double precision",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.JSON: "text",
}

DUCKDB_TYPES: dict[ColumnType, str] = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.FLOAT: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.JSON: "VARCHAR",
}

LOADED_AT = "loaded_at"
"""Column the database fills with the transaction's time; no artifact holds it."""


# Rows of a node share their entry: equal keys are stored once.
_INDEXED = ("run_key", "canonical_node_id")


def quote_identifier(name: str) -> str:
    """Quote ``name`` as an SQL identifier; both engines double an inner quote."""
    return '"' + name.replace('"', '""') + '"'


def _create(table: Table, schema: str, types: dict[ColumnType, str], loaded_at: str) -> str:
    lines = [
        f"{quote_identifier(column.name)} {types[column.type]}{'' if column.nullable else ' not null'}"
        for column in table.columns
    ]
    lines.append(f"{quote_identifier(LOADED_AT)} {loaded_at}")
    target = f"{quote_identifier(schema)}.{quote_identifier(table.name)}"
    return f"create table if not exists {target} (\n    " + ",\n    ".join(lines) + "\n)"


def postgres_ddl(table: Table, schema: str = "public") -> tuple[str, ...]:
    """Statements that create ``table`` and its index, by run and, where rows belong to nodes, by node."""
    keys = [name for name in _INDEXED if any(column.name == name for column in table.columns)]
    index = quote_identifier("_".join(("ix", table.name, *keys)))
    target = f"{quote_identifier(schema)}.{quote_identifier(table.name)}"
    return (
        _create(table, schema, POSTGRES_TYPES, "timestamptz not null default now()"),
        f"create index if not exists {index} on {target} ({', '.join(map(quote_identifier, keys))})",
    )


def added_column_ddl(table: Table, name: str, schema: str = "public") -> str:
    """Statement that adds a nullable column of ``table`` to a table made by an earlier version."""
    column = next(column for column in table.columns if column.name == name)
    target = f"{quote_identifier(schema)}.{quote_identifier(table.name)}"
    kind = POSTGRES_TYPES[column.type]
    return f"alter table {target} add column if not exists {quote_identifier(name)} {kind}"


def duckdb_ddl(table: Table, schema: str = "main") -> str:
    """Statement that creates ``table`` in DuckDB."""
    return _create(table, schema, DUCKDB_TYPES, "TIMESTAMPTZ DEFAULT now()")
