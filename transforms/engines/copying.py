"""Rows that were computed elsewhere, brought into a model's table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from contracts.ddl import LOADED_AT
from transforms.compiled.manifest import Node
from transforms.engines.errors import NodeFailed
from transforms.engines.relations import column_types

if TYPE_CHECKING:
    import pyarrow as pa


_BOOLEAN, _BIGINT, _TEXT, _DOUBLE, _INSTANT = 16, 20, 25, 701, 1184
"""Type ids of PostgreSQL."""


async def copy_computed(connection: asyncpg.Connection, node: Node, rows: pa.Table) -> int:
    """COPY ``rows``, those of one run, into the table of ``node``; returns how many.

    LOADED_AT is added: the instant PostgreSQL gave the run. Raises NodeFailed when the rows are not
    of the table's columns.
    """
    import pyarrow as pa

    from transforms.copy import CHUNK_ROWS, SCHEMA, copy_batches

    arrow = {_BOOLEAN: pa.bool_(), _BIGINT: pa.int64(), _TEXT: pa.string(), _DOUBLE: pa.float64()}
    if not rows.num_rows:
        return 0
    wanted = await column_types(connection, node.schema, node.alias)
    if LOADED_AT in wanted:
        loaded_at = await connection.fetchval(
            f"select {LOADED_AT} from {SCHEMA}.raw_runs where run_key = $1",  # noqa: S608 - constants
            rows["run_key"][0].as_py(),
        )
        instant = pa.scalar(loaded_at, pa.timestamp("us", tz="UTC"))
        rows = rows.append_column(LOADED_AT, pa.repeat(instant, rows.num_rows))
        arrow[_INSTANT] = instant.type
    odd = [name for name, oid in wanted.items() if oid not in arrow or name not in rows.column_names]
    if odd or len(wanted) != rows.num_columns:
        raise NodeFailed(f"the rows computed for it have other columns than the table: {', '.join(odd)}")
    schema = pa.schema([(name, arrow[oid]) for name, oid in wanted.items()])
    ordered = rows.select(list(wanted)).cast(schema)
    await copy_batches(connection, node.schema, node.alias, ordered.to_batches(CHUNK_ROWS))
    return int(rows.num_rows)
