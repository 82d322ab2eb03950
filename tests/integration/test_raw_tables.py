"""Raw tables that an earlier version made: what they lack is added, or said."""

from __future__ import annotations

import asyncpg
import pytest

from contracts.tables import RAW_TABLES
from tests.support.manifests import connected
from transforms.copy import RawTableMismatch, create_raw_tables

TABLE = next(table for table in RAW_TABLES if table.name == "raw_narratives")


async def _columns(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch(
        "select column_name from information_schema.columns where table_name = $1", TABLE.name
    )
    return {row["column_name"] for row in rows}


async def test_optional_columns_are_added(fresh_database_url: str) -> None:
    optional = next(column.name for column in TABLE.columns if column.nullable)
    async with connected(fresh_database_url) as connection:
        await create_raw_tables(connection)
        whole = await _columns(connection)
        await connection.execute(f'alter table {TABLE.name} drop column "{optional}"')
        assert await _columns(connection) == whole - {optional}
        await create_raw_tables(connection)
        assert await _columns(connection) == whole


async def test_required_columns_cannot_be_made_up(fresh_database_url: str) -> None:
    async with connected(fresh_database_url) as connection:
        await create_raw_tables(connection)
        await connection.execute(f"alter table {TABLE.name} drop column content")
        with pytest.raises(RawTableMismatch, match="content"):
            await create_raw_tables(connection)
