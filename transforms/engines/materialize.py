"""How a compiled model becomes a view or a table, each in one transaction."""

from __future__ import annotations

from contextlib import AsyncExitStack

import asyncpg

from contracts.ddl import quote_identifier
from transforms.compiled.manifest import Index, Node
from transforms.engines.context import BuildContext, Outcome
from transforms.engines.copying import copy_computed
from transforms.engines.errors import ColumnsChanged, StatementFailed
from transforms.engines.relations import (
    TABLE,
    VIEW,
    Relation,
    column_types,
    drop,
    fingerprint,
    qualified,
    remember,
)

RUN_KEY = "run_key"
SCOPE_MODEL = "stg_build_scope"
"""View of the run keys a build works on: their rows are what an incremental model replaces."""

_ROWS_IN_ONE_PIECE = "with (toast_tuple_target = 8160) "
"""Up to a page, documents stay in their row: written once and read whole, moving them apart only costs."""
_WORKING_SUFFIX = "__building"
_MAX_IDENTIFIER = 63


async def build_view(connection: asyncpg.Connection, node: Node, context: BuildContext) -> Outcome:
    """Create or replace the view; nothing is done when it is there already as it should be."""
    definition = fingerprint(node.compiled_sql)
    relation = context.relations.get(node.schema, node.alias)
    if relation is not None and relation.is_untouched(definition) and not context.full_refresh:
        return Outcome("UNCHANGED")
    if relation is None or relation.kind == VIEW:
        try:
            await _replace_view(connection, node, definition)
            return Outcome("CREATE VIEW")
        except StatementFailed as failure:
            if not isinstance(failure.error, asyncpg.InvalidTableDefinitionError):
                raise
    # Another kind of object, or other columns than before: it must go, and what reads it.
    async with context.relations.dropping:
        await _replace_view(connection, node, definition, instead_of=relation)
        await context.relations.read(connection)
    return Outcome("CREATE VIEW")


async def build_table(connection: asyncpg.Connection, node: Node, context: BuildContext) -> Outcome:
    """Fill a new table beside the old one and put it in its place: readers see one or the other."""
    relation = context.relations.get(node.schema, node.alias)
    working = node.alias[: _MAX_IDENTIFIER - len(_WORKING_SUFFIX)] + _WORKING_SUFFIX
    # Entered late, so that models fill their tables side by side; left after the commit.
    async with AsyncExitStack() as dropping:
        async with connection.transaction():
            await _run_hooks(connection, node.pre_hooks)
            rows = await _create_table(connection, node, working)
            if relation is not None:
                await dropping.enter_async_context(context.relations.dropping)
                await drop(connection, node.schema, node.alias, relation)
            await connection.execute(
                f"alter table {qualified(node.schema, working)} rename to {quote_identifier(node.alias)}"
            )
            await _create_indexes(connection, node)
            await _run_hooks(connection, node.post_hooks)
            await connection.execute(_analyze(node))
        if relation is not None:
            await context.relations.read(connection)
    return Outcome(f"SELECT {rows}", rows)


async def build_incremental_by_run(
    connection: asyncpg.Connection, node: Node, context: BuildContext
) -> Outcome:
    """Replace the rows of the runs in the build scope, leaving those of all other runs alone.

    The table is created when it is missing, is something else, or a full refresh is asked for.
    Raises ColumnsChanged when the table's columns are no longer the model's.
    """
    relation = context.relations.get(node.schema, node.alias)
    if relation is None or (relation.kind == TABLE and not context.full_refresh):
        rows = await _build_incremental(connection, node, context, relation)
    else:
        async with context.relations.dropping:
            rows = await _build_incremental(connection, node, context, None, instead_of=relation)
            await context.relations.read(connection)
    return Outcome(f"INSERT 0 {rows}", rows)


MATERIALIZATIONS = {
    "view": build_view,
    "table": build_table,
    "incremental_by_run": build_incremental_by_run,
}


async def _replace_view(
    connection: asyncpg.Connection, node: Node, definition: str, instead_of: Relation | None = None
) -> None:
    async with connection.transaction():
        await _run_hooks(connection, node.pre_hooks)
        if instead_of is not None:
            await drop(connection, node.schema, node.alias, instead_of)
        name = qualified(node.schema, node.alias)
        await _execute(connection, f"create or replace view {name} as (\n", node, "\n)")
        await _run_hooks(connection, node.post_hooks)
        await remember(connection, node.schema, node.alias, definition)


async def _build_incremental(
    connection: asyncpg.Connection,
    node: Node,
    context: BuildContext,
    relation: Relation | None,
    instead_of: Relation | None = None,
) -> int:
    definition = fingerprint(node.compiled_sql, repr(node.indexes))
    known = relation is not None and relation.was_made_from(definition)
    async with connection.transaction():
        await _run_hooks(connection, node.pre_hooks)
        if instead_of is not None:
            await drop(connection, node.schema, node.alias, instead_of)
        computed = context.computed.get(node.unique_id)
        if relation is None:
            empty = computed is not None
            rows = await _create_table(connection, node, node.alias, _ROWS_IN_ONE_PIECE, empty=empty)
        else:
            rows = await _replace_rows(connection, node, context, select=computed is None)
        if computed is not None:
            rows = await copy_computed(connection, node, computed)
        if not known:
            await _create_indexes(connection, node)
        await _run_hooks(connection, node.post_hooks)
        await connection.execute(_analyze(node))
        if not known:
            await remember(connection, node.schema, node.alias, definition)
    return rows


async def _replace_rows(
    connection: asyncpg.Connection, node: Node, context: BuildContext, *, select: bool
) -> int:
    """Delete the rows of the runs in scope, and ``select`` them anew."""
    target = qualified(node.schema, node.alias)
    try:
        statement = await connection.prepare(node.compiled_sql)
    except asyncpg.PostgresError as error:
        raise StatementFailed(error, node.compiled_sql, 0) from error
    wanted = {attribute.name: attribute.type.oid for attribute in statement.get_attributes()}
    present = await column_types(connection, node.schema, node.alias)
    if wanted != present:
        raise ColumnsChanged(
            target,
            [name for name in wanted if name not in present],
            [name for name in present if name not in wanted],
            [name for name in wanted if present.get(name, wanted[name]) != wanted[name]],
        )
    scope = next(candidate for candidate in context.manifest.nodes.values() if candidate.name == SCOPE_MODEL)
    key = quote_identifier(RUN_KEY)
    await connection.execute(
        f"delete from {target} where {key} in "  # noqa: S608 - quoted identifiers only
        f"(select s.{key} from {qualified(scope.schema, scope.alias)} as s)"
    )
    if not select:
        return 0
    columns = ", ".join(quote_identifier(name) for name in wanted)
    tag = await _execute(connection, f"insert into {target} ({columns})\n", node, "")
    return _rows(tag)


async def _create_table(
    connection: asyncpg.Connection, node: Node, name: str, options: str = "", *, empty: bool = False
) -> int:
    before = f"create table {qualified(node.schema, name)} {options}as (\n"
    tag = await _execute(connection, before, node, "\n) with no data" if empty else "\n)")
    return 0 if empty else _rows(tag)


async def _execute(connection: asyncpg.Connection, before: str, node: Node, after: str) -> str:
    try:
        tag: str = await connection.execute(f"{before}{node.compiled_sql}{after}")
        return tag
    except asyncpg.PostgresError as error:
        raise StatementFailed(error, node.compiled_sql, len(before)) from error


async def _run_hooks(connection: asyncpg.Connection, hooks: tuple[str, ...]) -> None:
    for hook in hooks:
        await connection.execute(hook)


async def _create_indexes(connection: asyncpg.Connection, node: Node) -> None:
    """Create the declared indexes the table does not have, under whatever name."""
    if not node.indexes:
        return
    rows = await connection.fetch(
        "select array_agg(a.attname::text order by k.i) as columns, x.indisunique, m.amname "
        "from pg_index x join pg_class c on c.oid = x.indexrelid join pg_am m on m.oid = c.relam "
        "cross join unnest(x.indkey::int2[]) with ordinality as k(attnum, i) "
        "join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum "
        "where x.indrelid = $1::text::regclass group by x.indexrelid, x.indisunique, m.amname",
        qualified(node.schema, node.alias),
    )
    present = {(tuple(row["columns"]), row["indisunique"], row["amname"]) for row in rows}
    for index in node.indexes:
        if (index.columns, index.unique, index.method) not in present:
            await connection.execute(_index_ddl(node, index))


def _index_ddl(node: Node, index: Index) -> str:
    # No name: PostgreSQL finds a free one that says table and columns.
    columns = ", ".join(quote_identifier(column) for column in index.columns)
    unique = "unique " if index.unique else ""
    method = quote_identifier(index.method)
    return f"create {unique}index on {qualified(node.schema, node.alias)} using {method} ({columns})"


def _analyze(node: Node) -> str:
    """Statistics of the columns rows are found by, where the model declares any.

    What comes after joins by them. Statistics of every column of a wide table take as long as filling
    it; autovacuum gathers them later.
    """
    keys = dict.fromkeys(column for index in node.indexes for column in index.columns)
    columns = f" ({', '.join(map(quote_identifier, keys))})" if keys else ""
    return f"analyze {qualified(node.schema, node.alias)}{columns}"


def _rows(command_tag: str) -> int:
    return int(command_tag.rsplit(" ", 1)[-1])
