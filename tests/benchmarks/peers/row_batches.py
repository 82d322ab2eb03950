"""Hydration the usual way: rows to Python and back, a thousand at a time."""

from __future__ import annotations

import asyncpg

from backend.services.hydration_columns import SOURCE
from backend.services.signal_documents import DOCUMENTS
from tests.benchmarks.peers.usual_signals import TABLE

BATCH_ROWS = 1000

_COLUMNS = {**SOURCE, **DOCUMENTS}
_NO_EDGES = "(select null::text[] as edge_types, null::text[] as parent_node_ids)"
_READ = f"""
select {", ".join(f"{expression} as {column}" for column, expression in _COLUMNS.items())}
from public_marts.fct_signals as m, {_NO_EDGES} as n
where m.run_key = $1 and m.metric_value is not null
"""
_WRITE = f"""
insert into {TABLE} ({", ".join(_COLUMNS)})
values ({", ".join(f"${place}" for place in range(1, len(_COLUMNS) + 1))})
on conflict (id) do update set {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")}
"""


async def hydrate(connection: asyncpg.Connection, run_key: str) -> None:
    """Upsert every row of the run, in one transaction.

    Less than hydration does: no events, no relations between signals, and nothing becomes inactive.
    """
    async with connection.transaction():
        cursor = await connection.cursor(_READ, run_key)
        while rows := await cursor.fetch(BATCH_ROWS):
            await connection.executemany(_WRITE, [tuple(row) for row in rows])
