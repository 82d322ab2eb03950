"""Filling an empty table: its indexes are made when the rows are there, which takes a third of the time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

LEAST_ROWS: Final = 20_000
"""With fewer rows, making indexes anew gains nothing."""

_OWNED: Final = text("select pg_has_role(relowner, 'usage') from pg_class where oid = to_regclass(:name)")
# The primary key stays: foreign keys rest on it.
_INDEXES: Final = text("""
select
    case
        when c.oid is null then format('drop index %s', x.indexrelid::regclass)
        else format('alter table %s drop constraint %I', x.indrelid::regclass, c.conname)
    end as remove,
    case
        when c.oid is null then pg_get_indexdef(x.indexrelid)
        else format('alter table %s add constraint %I %s', x.indrelid::regclass, c.conname,
            pg_get_constraintdef(c.oid))
    end as make
from pg_index as x
left join pg_constraint as c on c.conindid = x.indexrelid and c.conrelid = x.indrelid
where x.indrelid = to_regclass(:name) and not x.indisprimary
order by x.indexrelid
""")
_MEMORY: Final = text("set local maintenance_work_mem = '256MB'")


@asynccontextmanager
async def filling(connection: AsyncConnection, table: str, rows: int) -> AsyncIterator[None]:
    """For a block that adds so many ``rows``: leave out the indexes of ``table`` where that pays.

    It does where there are many rows and the table is empty, and only its owner may do it. From here
    to the end of the transaction, others who want to read the table wait.
    """
    indexes: Sequence[Row[*tuple[Any, ...]]] = ()
    if rows >= LEAST_ROWS and await _may_alter(connection, table):
        indexes = (await connection.execute(_INDEXES, {"name": table})).all()
    for index in indexes:
        await connection.exec_driver_sql(index.remove)
    yield
    if indexes:
        await connection.execute(_MEMORY)
    for index in indexes:
        await connection.exec_driver_sql(index.make)


async def _may_alter(connection: AsyncConnection, table: str) -> bool:
    filled = await connection.scalar(text(f"select exists (select from {table})"))  # noqa: S608 - a constant
    return not filled and bool(await connection.scalar(_OWNED, {"name": table}))
