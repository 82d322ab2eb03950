"""Rows to tables by binary COPY, straight from Arrow memory; the raw tables they go to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import polars as pl
from pgpq import ArrowToPostgresBinaryEncoder

from contracts.columns import Table
from contracts.ddl import LOADED_AT, added_column_ddl, postgres_ddl, quote_identifier
from contracts.run_data import RunData
from contracts.tables import RAW_TABLES
from transforms.locks import RAW_TABLE_DDL

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = "public"
CHUNK_ROWS = 1_024
"""Rows encoded at once: few enough that a chunk is sent while it is still in the processor's cache."""
_SLICE_ROWS = 8 * CHUNK_ROWS
"""Rows handed over by Polars at once; each time takes Python through every column."""


class RawTableMismatch(RuntimeError):
    """A raw table in the database lacks columns that this version declares."""

    def __init__(self, table: str, missing: list[str]) -> None:
        self.table = table
        self.missing = missing
        super().__init__(f"table {table} lacks column {', '.join(missing)}")


async def create_raw_tables(connection: asyncpg.Connection) -> None:
    """Create the raw tables and the optional columns that do not exist.

    Raises RawTableMismatch for tables of an earlier version that lack a column rows must have.
    """
    present = await _present_columns(connection)
    statements = [
        statement
        for table in RAW_TABLES
        for statement in (
            postgres_ddl(table, SCHEMA)
            if table.name not in present
            else _additions(table, present[table.name])
        )
    ]
    if statements:
        # Only then: even "create index if not exists" waits for whoever loads at the moment.
        async with connection.transaction():
            # Two sessions that create one table at once can fail over it; they take turns.
            await connection.execute("select pg_advisory_xact_lock($1::bigint)", RAW_TABLE_DDL)
            for statement in statements:
                await connection.execute(statement)
        present = await _present_columns(connection)
    for table in RAW_TABLES:
        missing = _missing(table, present[table.name])
        if missing:
            raise RawTableMismatch(table.name, missing)


def _additions(table: Table, present: set[str]) -> list[str]:
    """Statements for the columns of ``table`` that earlier rows can do without."""
    missing = _missing(table, present)
    return [
        added_column_ddl(table, column.name, SCHEMA)
        for column in table.columns
        if column.nullable and column.name in missing
    ]


def _missing(table: Table, present: set[str]) -> list[str]:
    return [name for name in (*table.column_names, LOADED_AT) if name not in present]


async def _present_columns(connection: asyncpg.Connection) -> dict[str, set[str]]:
    """Columns of each table of the schema."""
    rows = await connection.fetch(
        "select table_name, column_name from information_schema.columns where table_schema = $1", SCHEMA
    )
    present: dict[str, set[str]] = {}
    for row in rows:
        present.setdefault(row["table_name"], set()).add(row["column_name"])
    return present


async def delete_run(connection: asyncpg.Connection, run_key: str) -> None:
    """Delete the rows of ``run_key`` from every raw table, in the caller's transaction."""
    for table in RAW_TABLES:
        target = f"{quote_identifier(SCHEMA)}.{quote_identifier(table.name)}"
        await connection.execute(f"delete from {target} where run_key = $1", run_key)  # noqa: S608


async def copy_run(
    connection: asyncpg.Connection,
    data: RunData,
    on_rows: Callable[[str, int], None] = lambda table, rows: None,
) -> dict[str, int]:
    """COPY every frame of ``data`` into its raw table, in the caller's transaction.

    Returns rows per table; ``on_rows`` hears table and rows of each chunk sent.
    """
    for table in RAW_TABLES:
        frame = data.frames[table.name]
        if not frame.is_empty():
            batches = _batches(frame.select(table.column_names), partial(on_rows, table.name))
            await copy_batches(connection, SCHEMA, table.name, batches)
            data.release()
    return data.row_counts


async def copy_batches(
    connection: asyncpg.Connection, schema: str, table: str, batches: Iterable[pa.RecordBatch]
) -> None:
    """COPY ``batches``, of one schema, into a table whose columns have their names and types.

    Raises ConnectionDoesNotExistError also when the connection is lost while rows wait to be sent.
    """
    remaining = iter(batches)
    first = next(remaining, None)
    if first is None:
        return
    encoder = ArrowToPostgresBinaryEncoder(first.schema)

    async def chunks() -> AsyncIterator[bytes]:
        yield encoder.write_header()
        yield encoder.write_batch(first)
        for batch in remaining:
            yield encoder.write_batch(batch)
        yield encoder.finish()

    async with _while_connected(connection):
        await connection.copy_to_table(
            table, schema_name=schema, columns=first.schema.names, source=chunks(), format="binary"
        )


@asynccontextmanager
async def _while_connected(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """End the block when the connection is lost: asyncpg does not wake a COPY that waits to send.

    Raises ConnectionDoesNotExistError.
    """
    limit = asyncio.timeout(None)
    within = True

    def end(lost: object) -> None:
        # The block may have learned of the loss by itself, and be over.
        if within:
            limit.reschedule(asyncio.get_running_loop().time())

    connection.add_termination_listener(end)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise asyncpg.ConnectionDoesNotExistError("the connection was lost while rows were sent") from error
    finally:
        within = False
        connection.remove_termination_listener(end)


def _batches(frame: pl.DataFrame, on_rows: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    for rows in frame.iter_slices(_SLICE_ROWS):
        # Text as Polars lays it out, which the encoder reads too: nothing is copied.
        table = rows.to_arrow(compat_level=pl.CompatLevel.newest())
        for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
            yield batch
            on_rows(batch.num_rows)
