"""Documents of the signals that a run no longer has after it was done again."""

from __future__ import annotations

from typing import Final

import asyncpg

from backend.services.signal_documents import DOCUMENTS

_LEAVING: Final = """
select s.entity_key
from public.signals as s
where s.run_key = $1 and s.active and not exists (
    select from public_marts.fct_signals as m where m.run_key = s.run_key and m.entity_key = s.entity_key
)
"""
_READ: Final = f"""
select m.entity_key, {", ".join(f"{expression} as {name}" for name, expression in DOCUMENTS.items())}
from public_marts.fct_signals as m
where m.run_key = $1 and m.entity_key = any($2)
"""  # noqa: S608
_KEEP: Final = f"""
update public.signals as s
set {", ".join(f"{name} = kept.{name}" for name in DOCUMENTS)}
from unnest({", ".join(f"${place}::text[]" for place in range(2, len(DOCUMENTS) + 3))})
    as kept (entity_key, {", ".join(DOCUMENTS)})
where s.run_key = $1 and s.entity_key = kept.entity_key
"""  # noqa: S608


async def keep_documents(inside: asyncpg.Connection, outside: asyncpg.Connection, run_key: str) -> None:
    """Give signals that the new marts of ``run_key`` lack the documents that the old marts had.

    ``inside`` the transaction that made them anew, the old marts are gone; ``outside`` they are
    still what everybody reads. Where there were none, there is nothing to keep.
    """
    leaving = [row["entity_key"] for row in await inside.fetch(_LEAVING, run_key)]
    if not leaving:
        return
    try:
        found = await outside.fetch(_READ, run_key, leaving)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        return
    columns = [[row[name] for row in found] for name in ("entity_key", *DOCUMENTS)]
    await inside.execute(_KEEP, run_key, *columns)
