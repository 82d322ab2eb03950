"""What is in the database already: tables and views of the models' schemas, and what made them.

An object that this package made carries a comment with the fingerprint of what it was made from
and of what the database then held. An object dbt (or anybody) replaced has no such comment, or
holds something else than the comment says, so it is never taken for ours: both engines may take
turns on one database.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass

import asyncpg

from contracts.ddl import quote_identifier

VIEW = "v"
TABLE = "r"

_COMMENT = re.compile(r"compass:(?P<definition>[0-9a-f]{32}):(?P<content>[0-9a-f]{1,32})")

# What a view holds is its rewritten query; what a table holds is its storage: TRUNCATE, which is
# how dbt reloads a seed, gives it a new one.
_CONTENT = """
    case c.relkind
         when 'v' then (select md5(r.ev_action::text) from pg_rewrite r where r.ev_class = c.oid)
         else to_hex(pg_relation_filenode(c.oid)::bigint) end"""

_RELATIONS = f"""
    select n.nspname, c.relname, c.relkind::text as kind,
           obj_description(c.oid, 'pg_class') as comment, {_CONTENT} as content
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1::text[]) and c.relkind in ('r', 'v', 'm', 'p', 'f')
"""  # noqa: S608 - no value is formatted in

_KINDS = {"r": "table", "p": "table", "f": "foreign table", "v": "view", "m": "materialized view"}


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view that exists. ``kind`` is PostgreSQL's relkind."""

    kind: str
    comment: str | None
    content: str | None

    def was_made_from(self, definition: str) -> bool:
        """Whether this package made it from ``definition``; what it holds may have changed since."""
        match = _COMMENT.fullmatch(self.comment or "")
        return match is not None and match["definition"] == definition

    def is_untouched(self, definition: str) -> bool:
        """Whether this package made it from ``definition`` and it still holds the same."""
        match = _COMMENT.fullmatch(self.comment or "")
        return self.was_made_from(definition) and match is not None and match["content"] == self.content


class Relations:
    """The tables and views in some schemas, as last read.

    ``dropping`` is held while objects are dropped with the views that read them: two such drops at
    once may reach for the same views in different order. Take it before a transaction that drops,
    or in one that holds no lock on anything another node of the build may drop.
    """

    def __init__(self, schemas: Collection[str]) -> None:
        self.dropping = asyncio.Lock()
        self._schemas = sorted(schemas)
        self._found: dict[tuple[str, str], Relation] = {}

    async def read(self, connection: asyncpg.Connection) -> None:
        """Read them from the database; again whenever an object was dropped with its dependants."""
        rows = await connection.fetch(_RELATIONS, self._schemas)
        self._found = {
            (row["nspname"], row["relname"]): Relation(row["kind"], row["comment"], row["content"])
            for row in rows
        }

    def get(self, schema: str, name: str) -> Relation | None:
        """The table or view of that name, None when there is none."""
        return self._found.get((schema, name))


def fingerprint(*parts: str) -> str:
    """32 hexadecimal digits that identify ``parts``."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def qualified(schema: str, name: str) -> str:
    """``schema.name``, quoted."""
    return f"{quote_identifier(schema)}.{quote_identifier(name)}"


async def remember(connection: asyncpg.Connection, schema: str, name: str, definition: str) -> None:
    """Note on an object what it was made from, and what it holds now."""
    row = await connection.fetchrow(
        f"select c.relkind::text as kind, {_CONTENT} as content from pg_class c "  # noqa: S608
        "join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2",
        schema,
        name,
    )
    assert row is not None, f"{schema}.{name} was made a moment ago"
    # A comment takes no parameter; both parts are hexadecimal digits.
    await connection.execute(
        f"comment on {_KINDS[row['kind']]} {qualified(schema, name)} "
        f"is 'compass:{definition}:{row['content']}'"
    )


async def drop(connection: asyncpg.Connection, schema: str, name: str, relation: Relation) -> None:
    """Drop an object and the views that read it, as dbt does before it puts another in its place."""
    await connection.execute(f"drop {_KINDS[relation.kind]} if exists {qualified(schema, name)} cascade")


async def column_types(connection: asyncpg.Connection, schema: str, name: str) -> dict[str, int]:
    """Column names of a table, in order, and the oids of their types."""
    rows = await connection.fetch(
        "select a.attname, a.atttypid::bigint as type from pg_attribute a "
        "where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum",
        qualified(schema, name),
    )
    return {row["attname"]: row["type"] for row in rows}
