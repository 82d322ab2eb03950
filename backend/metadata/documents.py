"""Documents of the dbt project as the database holds them, each read once and kept.

A document is kept by its checksum: every request asks for the checksums, and only a document
that this process has not seen yet travels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, case, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import ProjectDocument as Row

MANIFEST = "manifest"
METRIC_CATALOG = "metric_catalog"

_contents: dict[tuple[str, str], str] = {}


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document; documents of equal name and checksum are equal."""

    name: str
    checksum: str
    content: str = field(compare=False, repr=False)
    updated_at: datetime = field(compare=False)


async def documents(connection: AsyncConnection, *names: str) -> dict[str, Document]:
    """Those of the named documents that are stored, by name; one statement."""
    # Taken now: others may drop or replace what is kept while the database answers.
    kept = dict(_contents)
    held = [and_(Row.name == name, Row.checksum == checksum) for name, checksum in kept]
    content = case((or_(*held), null()), else_=Row.content) if held else Row.content
    rows = await connection.execute(
        select(Row.name, Row.checksum, Row.updated_at, content.label("content")).where(Row.name.in_(names))
    )
    found = {}
    for row in rows.mappings():
        key = row["name"], row["checksum"]
        if row["content"] is not None:
            for stale in [each for each in _contents if each[0] == row["name"]]:
                del _contents[stale]
            kept[key] = _contents[key] = row["content"]
        found[row["name"]] = Document(*key, kept[key], row["updated_at"])
    return found


def forget() -> None:
    """Drop what this process keeps."""
    _contents.clear()
