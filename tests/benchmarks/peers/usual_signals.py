"""Signals as most would store them: everything of a signal in one row, documents among it."""

from __future__ import annotations

from typing import Final

import asyncpg

from backend.config import without_driver
from backend.db.models import Signal
from backend.services.signal_documents import OF_SIGNAL, SHOWN

TABLE: Final = "usual_signals"
ASSIGNMENTS: Final = "usual_assignments"

_COLUMNS: Final = {
    column.name: SHOWN.get(column.name, f"s.{column.name}") for column in Signal.__table__.columns
}
_FILL: Final = f"""
insert into {TABLE} ({", ".join(_COLUMNS)})
select {", ".join(_COLUMNS.values())}
from public.signals as s
left join public_marts.fct_signals as m on {OF_SIGNAL}
"""


async def create_table(connection: asyncpg.Connection) -> None:
    """An empty table like ``signals``, with its indexes."""
    await connection.execute(f"drop table if exists {TABLE} cascade")
    await connection.execute(f"create table {TABLE} (like public.signals including all)")


async def fill_tables(database_url: str) -> None:
    """What ``signals`` shows, and the work on it, in tables for servers that want them so."""
    connection = await asyncpg.connect(without_driver(database_url))
    try:
        await create_table(connection)
        await connection.execute(_FILL)
        await connection.execute(
            f"create table {ASSIGNMENTS} (like public.assignments including all,"
            f" foreign key (signal_id) references {TABLE} (id))"
        )
        await connection.execute(f"insert into {ASSIGNMENTS} select * from public.assignments")
        await connection.execute(f"vacuum analyze {TABLE}, {ASSIGNMENTS}")
    finally:
        await connection.close()
