"""Documents of the dbt project as the database holds them, each read once and kept.

A document is kept by its checksum: every request asks for the checksums, and only a document
that this process has not seen yet travels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from sqlalchemy import and_, case, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.listener import EVERYTHING
from backend.db.models import ProjectDocument as Row

MANIFEST = "manifest"
METRIC_CATALOG = "metric_catalog"
SCOPE = "metadata"
"""Scope of data that the documents are."""

T = TypeVar("T")

_contents: dict[tuple[str, str], str] = {}
_clear: list[Callable[[], None]] = []


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


def parsed_once(parse: Callable[[Document], T]) -> Callable[[Document], T]:
    """``parse``, whose results are kept by document; they must not be changed."""
    kept = lru_cache(maxsize=2)(parse)
    _clear.append(kept.cache_clear)
    return kept


def changed(scope: str) -> None:
    """The database announces a change: forget, if it can be one of documents."""
    if scope in (SCOPE, EVERYTHING):
        forget()


def forget() -> None:
    """Drop what this process keeps, of documents and of what was made of them."""
    _contents.clear()
    for clear in _clear:
        clear()
