"""Seeds: CSV files of the dbt project as tables, read as dbt reads them."""

from __future__ import annotations

import csv
import io

import asyncpg

from contracts.ddl import quote_identifier
from transforms.compiled.manifest import Node, SeedConfig
from transforms.engines.context import BuildContext, Outcome
from transforms.engines.relations import (
    TABLE,
    Relation,
    column_types,
    drop,
    fingerprint,
    qualified,
    remember,
)

_NULLS = ("", "null")
"""What dbt reads as NULL in a typed column, trimmed and in lower case."""


async def load_seed(connection: asyncpg.Connection, node: Node, context: BuildContext) -> Outcome:
    """Make the table hold the CSV's rows; nothing is done when it still does.

    The rows are replaced in one transaction with DELETE, not TRUNCATE, so that readers see the old
    or the new ones and wait for nobody.
    """
    assert node.seed is not None, f"{node.unique_id} is a seed"
    text = (context.project / node.file_path).read_text(encoding="utf-8-sig")
    definition = fingerprint(repr(node.seed.column_types), node.seed.delimiter, text)
    rows = _rows(text, node.seed)
    relation = context.relations.get(node.schema, node.alias)
    if relation is not None and relation.is_untouched(definition) and not context.full_refresh:
        return Outcome("UNCHANGED", 0)
    if (
        relation is None
        or context.full_refresh
        or relation.kind != TABLE
        or not await _has_columns(connection, node, node.seed)
    ):
        async with context.relations.dropping:
            await _fill(connection, node, node.seed, rows, definition, instead_of=relation)
            await context.relations.read(connection)
    else:
        await _fill(connection, node, node.seed, rows, definition)
    return Outcome(f"INSERT {len(rows)}", len(rows))


async def _fill(
    connection: asyncpg.Connection,
    node: Node,
    seed: SeedConfig,
    rows: list[list[str | None]],
    definition: str,
    instead_of: Relation | None = None,
) -> None:
    target = qualified(node.schema, node.alias)
    async with connection.transaction():
        if instead_of is not None:
            await drop(connection, node.schema, node.alias, instead_of)
        columns = ", ".join(f"{quote_identifier(name)} {kind}" for name, kind in seed.column_types)
        await connection.execute(f"create table if not exists {target} ({columns})")
        await connection.execute(f"delete from {target}")  # noqa: S608 - a quoted identifier
        await connection.copy_to_table(
            node.alias,
            schema_name=node.schema,
            columns=[name for name, _ in seed.column_types],
            source=io.BytesIO(_csv(rows)),
            format="csv",
        )
        await connection.execute(f"analyze {target}")
        await remember(connection, node.schema, node.alias, definition)


def _rows(text: str, seed: SeedConfig) -> list[list[str | None]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=seed.delimiter)
    next(reader)
    return [[None if cell.strip().lower() in _NULLS else cell for cell in row] for row in reader if row]


def _csv(rows: list[list[str | None]]) -> bytes:
    # Every value quoted, NULL not: an unquoted empty field is COPY's NULL.
    lines = (
        ",".join("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row) for row in rows
    )
    return "".join(f"{line}\n" for line in lines).encode()


async def _has_columns(connection: asyncpg.Connection, node: Node, seed: SeedConfig) -> bool:
    declared = await connection.fetch(
        "select d.name, to_regtype(d.type)::oid::bigint as type "
        "from unnest($1::text[], $2::text[]) with ordinality as d(name, type, i) order by d.i",
        [name for name, _ in seed.column_types],
        [sql_type for _, sql_type in seed.column_types],
    )
    present = await column_types(connection, node.schema, node.alias)
    return [(row["name"], row["type"]) for row in declared] == list(present.items())
