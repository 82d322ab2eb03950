"""Whether a graph's signals are still what its last hydration made of the marts that still stand.

PostgreSQL tells each version of a row by the transaction that wrote it (``xmin``) and its place
(``ctid``): any update of a mart or of a signal, by whomever, changes one of both. Comparing them
reads no document, where comparing values reads them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import exists, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import Hydration, Signal
from backend.services import event_sql, hydration_sql

_STATEMENTS: Final = repr(
    [value for module in (event_sql, hydration_sql) for name, value in vars(module).items() if name.isupper()]
).encode()


# Columns of the marts too, for they can change without any row.
_STATE: Final = text("""
with versions as (
    select 'marts' as kind, m.xmin, m.ctid from public_marts.fct_signals as m where m.run_key = :run_key
    union all
    select 'edges', e.xmin, e.ctid from public_marts.fct_node_edges as e where e.run_key = :run_key
    union all
    select 'signals', s.xmin, s.ctid from public.signals as s where s.graph_name = :graph_name
),
rows as (
    select kind, count(*) as rows, sum(hashtextextended(concat(xmin::text, ctid::text), 0)) as versions
    from versions
    group by kind
),
columns as (
    select
        attrelid::regclass::text as kind,
        string_agg(concat(attname, atttypid), ',' order by attnum) as names
    from pg_attribute
    where attrelid in ('public_marts.fct_signals'::regclass, 'public_marts.fct_node_edges'::regclass)
        and attnum > 0
        and not attisdropped
    group by attrelid
)
select concat(
    (select string_agg(concat_ws(' ', kind, rows, versions), ' ' order by kind) from rows),
    (select string_agg(concat_ws(' ', kind, names), ' ' order by kind) from columns)
)
""")


async def stands(connection: AsyncConnection, scope: Mapping[str, Any]) -> bool:
    """Whether the last whole hydration of the graph was of this run, and nothing has changed since."""
    query = select(Hydration.state).where(
        Hydration.graph_name == scope["graph_name"],
        Hydration.run_key == scope["run_key"],
        exists().where(Signal.graph_name == Hydration.graph_name),
    )
    remembered = await connection.scalar(query)
    return remembered is not None and remembered == await _state(connection, scope)


async def remember(connection: AsyncConnection, scope: Mapping[str, Any]) -> None:
    """Note what a whole hydration has left, in its own transaction."""
    found = {"run_key": scope["run_key"], "state": await _state(connection, scope)}
    statement = insert(Hydration).values(graph_name=scope["graph_name"], **found)
    await connection.execute(statement.on_conflict_do_update(index_elements=["graph_name"], set_=found))


async def _state(connection: AsyncConnection, scope: Mapping[str, Any]) -> str:
    versions = await connection.scalar(
        _STATE, {"run_key": scope["run_key"], "graph_name": scope["graph_name"]}
    )
    # A later version of the program may make other signals of the same marts.
    return hashlib.blake2b(_STATEMENTS + str(versions).encode(), digest_size=16).hexdigest()
