"""The raw tables and the registry in DuckDB: what models read, without rows."""

from __future__ import annotations

import duckdb

from contracts.ddl import LOADED_AT, duckdb_ddl, quote_identifier
from contracts.tables import RAW_TABLES

RAW_SCHEMA = "public"

REGISTRY = {
    "run_key": "text",
    "graph_name": "text",
    "run_id": "text",
    "state": "text",
    LOADED_AT: "timestamptz",
}
"""The columns of ``public.runs`` that models may read; both engines know the names of these types."""


def create_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing of the raw tables and the registry."""
    connection.execute(f"create schema if not exists {RAW_SCHEMA}")
    columns = ", ".join(f"{quote_identifier(name)} {type_}" for name, type_ in REGISTRY.items())
    connection.execute(f"create table if not exists {RAW_SCHEMA}.runs ({columns})")
    for table in RAW_TABLES:
        connection.execute(duckdb_ddl(table, RAW_SCHEMA))
