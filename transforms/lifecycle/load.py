"""Load a staged run into the raw tables: all of it in one transaction, or nothing."""

from __future__ import annotations

import asyncpg

from backend.enums import RunState
from contracts.columns import Table
from contracts.ddl import quote_identifier
from contracts.run_data import RunData
from contracts.tables import RAW_TABLES
from transforms.copy import SCHEMA, copy_run, create_raw_tables, delete_run
from transforms.lifecycle import registry
from transforms.progress import Progress
from transforms.run import Run

_KEEPS_ROWS = (RunState.LOADED, RunState.BUILT, RunState.PUBLISHED, RunState.SUPERSEDED)


async def load(
    connection: asyncpg.Connection, run: Run, data: RunData, checksum: str, progress: Progress
) -> dict[str, int]:
    """Replace the rows of ``run`` in the raw tables and record it as loaded.

    Returns rows per table. When anything fails, the rows and the state of an earlier load stay
    as they were; a run that was never loaded is recorded as failed.
    """
    before = await registry.get_run(connection, run.run_key)
    await create_raw_tables(connection)
    await registry.begin_load(connection, run, checksum)
    try:
        total = sum(data.row_counts.values())
        with progress.step("Loading", total) as advance:
            async with connection.transaction():
                if before is not None:
                    await delete_run(connection, run.run_key)
                counts = await copy_run(connection, data, lambda table, rows: advance(rows))
                await registry.record_load(connection, run.run_key, counts)
                # Part of the load: models planned without these statistics can take minutes.
                for table in RAW_TABLES:
                    if counts[table.name]:
                        await connection.execute(_analyze(table))
                await registry.set_state(connection, run.run_key, RunState.LOADED)
    except BaseException as error:
        if not connection.is_closed():
            await _restore(connection, run, before, error)
        raise
    return counts


def _analyze(table: Table) -> str:
    """Statistics of the columns that models join and filter by; long texts only cost time."""
    columns = ", ".join(quote_identifier(column.name) for column in table.columns if not column.nullable)
    return f"analyze {quote_identifier(SCHEMA)}.{quote_identifier(table.name)} ({columns})"


async def _restore(
    connection: asyncpg.Connection,
    run: Run,
    before: registry.RunRecord | None,
    error: BaseException,
) -> None:
    """Put the registry back: the transaction that held the new rows is gone."""
    message = f"load failed: {error}"
    if before is None or before.state not in _KEEPS_ROWS:
        await registry.set_state(connection, run.run_key, RunState.FAILED, error=message)
        return
    await connection.execute(
        """
        update public.runs set state = $2, checksum = $3, source_path = $4, error = $5, updated_at = now()
        where run_key = $1
        """,
        run.run_key,
        before.state,
        before.checksum,
        before.source_path,
        message,
    )
