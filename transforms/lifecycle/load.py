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
from transforms.lifecycle.published import HELD
from transforms.lifecycle.verdict import ContractsBroken, Verdict
from transforms.progress import Progress
from transforms.run import Run


async def load(
    connection: asyncpg.Connection,
    run: Run,
    data: RunData,
    checksum: str,
    progress: Progress,
    *,
    verdict: Verdict | None = None,
) -> dict[str, int]:
    """Replace the rows of ``run`` in the raw tables and record it as loaded.

    Rows are sent while ``verdict`` is still being found, and committed when it is good; without one
    nobody judges them. Returns rows per table. When anything fails, even by force, the rows and
    the state of an earlier load stay as they were; a run that was never loaded is recorded as
    failed. One that breaks its contracts leaves no trace. Raises ContractsBroken.
    """
    before = await registry.get_run(connection, run.run_key)
    held = before is not None and before.state in HELD
    await create_raw_tables(connection)
    entry = None if held else await registry.entry(connection, run.run_key)
    if not held:
        await registry.begin_load(connection, run)
    try:
        try:
            async with connection.transaction():
                return await replace_rows(connection, run, data, checksum, progress, verdict=verdict)
        except asyncpg.PostgresError:
            # Rows that PostgreSQL refuses may be what the rules have found too, and can explain.
            if verdict is not None:
                await verdict.report()
            raise
    except ContractsBroken:
        if not held:
            await registry.restore(connection, run.run_key, entry)
        raise
    except BaseException as error:
        if not connection.is_closed():
            message = registry.failure("load", error)
            if held:
                await registry.record_error(connection, run.run_key, message)
            else:
                await registry.set_state(connection, run.run_key, RunState.FAILED, error=message)
        raise


async def replace_rows(
    connection: asyncpg.Connection,
    run: Run,
    data: RunData,
    checksum: str,
    progress: Progress,
    *,
    verdict: Verdict | None,
) -> dict[str, int]:
    """As ``load``, in the caller's transaction and into raw tables that are there."""
    await registry.begin_load(connection, run, checksum)
    with progress.step("Loading", sum(data.row_counts.values())) as advance:
        await delete_run(connection, run.run_key)
        counts = await copy_run(connection, data, lambda table, rows: advance(rows))
        # Part of the load: models planned without these statistics can take minutes.
        for table in RAW_TABLES:
            if counts[table.name]:
                await connection.execute(_analyze(table))
    report = None if verdict is None else await verdict.report()
    await registry.record_load(connection, run.run_key, counts, report)
    await registry.set_state(connection, run.run_key, RunState.LOADED)
    return counts


def _analyze(table: Table) -> str:
    """Statistics of the columns that models join and filter by; long texts only cost time."""
    columns = ", ".join(quote_identifier(column.name) for column in table.columns if not column.nullable)
    return f"analyze {quote_identifier(SCHEMA)}.{quote_identifier(table.name)} ({columns})"
