"""Ids of vertices: how the database holds them, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, literal


@dataclass(frozen=True, slots=True)
class Key:
    """An id that is a text column, after ``prefix`` when it has one."""

    prefix: str = ""

    def parse(self, text: str) -> Any:
        """The value to compare the column with; None where no row can have this id."""
        return text.removeprefix(self.prefix) if text.startswith(self.prefix) else None

    def shown(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """The id as it is written."""
        return literal(self.prefix, Text) + column if self.prefix else column

    def ordered(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What to order by: the same everywhere, whatever the database collates by."""
        return column.collate("C")


class UuidKey(Key):
    """An id that is a uuid column."""

    def parse(self, text: str) -> UUID | None:
        """The UUID, only if it is spelled as it is written."""
        try:
            value = UUID(text)
        except ValueError:
            return None
        return value if str(value) == text else None

    def shown(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """The id as it is written."""
        return cast(column, Text)

    def ordered(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What to order by."""
        return column


TEXT = Key()
UUID_KEY = UuidKey()
