"""Which schema a database has, against the one this version needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.revision import HEAD, REVISIONS
from backend.errors import SchemaMismatch

_HAS_TABLE: Final = text("select to_regclass('public.alembic_version') is not null")
_CURRENT: Final = text("select version_num from public.alembic_version")


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Revision a database is at; None when it has none."""

    current: str | None

    @property
    def head(self) -> str:
        """The revision this version needs."""
        return HEAD

    @property
    def known(self) -> bool:
        """Whether this version knows the revision that the database is at."""
        return self.current is None or self.current in REVISIONS

    @property
    def up_to_date(self) -> bool:
        """Whether the database has the schema this version needs."""
        return self.current == HEAD

    def require(self) -> None:
        """Raise SchemaMismatch unless the schema is up to date."""
        if not self.up_to_date:
            raise SchemaMismatch(self.current, HEAD, known=self.known)


async def status_on(connection: AsyncConnection) -> SchemaStatus:
    """Where a database's schema is, and where it must be."""
    if not await connection.scalar(_HAS_TABLE):
        return SchemaStatus(None)
    return SchemaStatus(await connection.scalar(_CURRENT))
