"""Hydration the usual ways: rows to Python and back, a thousand at a time.

`insert_batches` writes a batch with one statement, as most do with SQLAlchemy. `send_batches` has
asyncpg send the rows of a batch one after the other without waiting, the quickest there is in Python.
Both do less than hydration does: no events, no relations, and nothing becomes inactive.
"""

from __future__ import annotations

import asyncpg
from sqlalchemy import MetaData, Table, create_engine, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import make_url

from backend.services.hydration_columns import SOURCE
from backend.services.signal_documents import DOCUMENTS
from tests.benchmarks.peers.usual_signals import TABLE

BATCH_ROWS = 1000

_COLUMNS = {**SOURCE, **DOCUMENTS}
_NO_EDGES = "(select null::text[] as edge_types, null::text[] as parent_node_ids)"
_READ = f"""
select {", ".join(f"{expression} as {column}" for column, expression in _COLUMNS.items())}
from public_marts.fct_signals as m, {_NO_EDGES} as n
where m.metric_value is not null and m.run_key = """
_WRITE = f"""
insert into {TABLE} ({", ".join(_COLUMNS)})
values ({", ".join(f"${place}" for place in range(1, len(_COLUMNS) + 1))})
on conflict (id) do update set {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")}
"""


def insert_batches(database_url: str, run_key: str) -> None:
    """Upsert every row of the run in one transaction: INSERT ... VALUES ... ON CONFLICT, a batch each."""
    # psycopg2, for other drivers allow a statement fewer values than a thousand rows have.
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg2"))
    table = Table(TABLE, MetaData(), autoload_with=engine)
    with engine.connect() as reading, engine.begin() as connection:
        found = reading.execution_options(yield_per=BATCH_ROWS).execute(
            text(f"{_READ} :run_key"), {"run_key": run_key}
        )
        for rows in found.mappings().partitions(BATCH_ROWS):
            statement = insert(table).values([dict(row) for row in rows])
            kept = {name: statement.excluded[name] for name in _COLUMNS if name != "id"}
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=kept))
    engine.dispose()


async def send_batches(connection: asyncpg.Connection, run_key: str) -> None:
    """Upsert every row of the run in one transaction: one INSERT ... ON CONFLICT a row, sent in batches."""
    async with connection.transaction():
        cursor = await connection.cursor(f"{_READ} $1", run_key)
        while rows := await cursor.fetch(BATCH_ROWS):
            await connection.executemany(_WRITE, [tuple(row) for row in rows])
