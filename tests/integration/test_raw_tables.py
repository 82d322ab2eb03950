"""Raw tables: what earlier ones lack is added, or said; a COPY into one ends with its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import polars as pl
import pyarrow as pa
import pytest

from contracts.tables import RAW_TABLES
from tests.support.databases import execute
from tests.support.lifecycle import held_up_at
from tests.support.manifests import connected
from transforms.copy import RawTableMismatch, copy_batches, create_raw_tables
from transforms.database import connection as connect_to
from transforms.errors import DatabaseUnavailable

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


async def test_a_copy_whose_connection_is_lost_ends(fresh_database_url: str) -> None:
    """More rows than the socket takes: they wait to be sent when the server lets go."""
    await execute(fresh_database_url, "create table wide (text_column text)")
    frame = pl.DataFrame({"text_column": ["x" * 1_000_000]})

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(100):
            yield from frame.to_arrow(compat_level=pl.CompatLevel.newest()).to_batches()

    async def copy() -> None:
        async with connect_to(fresh_database_url) as connection, connection.transaction():
            await copy_batches(connection, "public", "wide", batches())

    async with held_up_at(fresh_database_url, "wide") as arrived:
        task = asyncio.create_task(copy())
        await arrived()
        await execute(
            fresh_database_url,
            "select pg_terminate_backend(pid) from pg_locks"
            " where relation = 'wide'::regclass and not granted",
        )
        # Not to be cancelled, which would end it as well.
        assert (await asyncio.wait([task], timeout=20))[0] == {task}
        with pytest.raises(DatabaseUnavailable, match="connection to the database was lost"):
            await task
    async with connected(fresh_database_url) as connection:
        assert await connection.fetchval("select count(*) from wide") == 0
