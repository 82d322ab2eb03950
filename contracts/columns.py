"""The vocabulary of raw table declarations: logical types, columns and tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ColumnType(Enum):
    """Logical column types; each engine's spelling lives with the engine's DDL."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    JSON = "json"
    """Valid JSON kept as text: a cast costs PostgreSQL three times the COPY itself."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a raw table.

    ``allowed``, ``minimum`` and ``maximum`` (both inclusive) describe the non-null values.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = True
    allowed: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    """Whether the numbers of a double precision column are whole and fit 64 bits, as counts do."""


@dataclass(frozen=True, slots=True)
class Table:
    """One raw table: its columns in order and the columns that identify a row."""

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a column is declared twice")
        missing = set(self.key) - set(names)
        if missing:
            raise ValueError(f"{self.name}: key names unknown columns {sorted(missing)}")

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the declared columns, in order (``loaded_at`` is the database's own)."""
        return tuple(column.name for column in self.columns)


def text(
    name: str,
    description: str,
    *,
    nullable: bool = True,
    allowed: tuple[str, ...] | None = None,
) -> Column:
    """A text column; ``allowed`` limits its non-null values."""
    return Column(name, ColumnType.TEXT, description, nullable, allowed)


def key(name: str, description: str) -> Column:
    """A text column that may not be null: part of a key or needed to join."""
    return Column(name, ColumnType.TEXT, description, nullable=False)


def integer(
    name: str,
    description: str,
    *,
    nullable: bool = True,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Column:
    """A 64-bit integer column with inclusive bounds."""
    return Column(name, ColumnType.INTEGER, description, nullable, None, minimum, maximum)


def number(
    name: str,
    description: str,
    *,
    nullable: bool = True,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Column:
    """A double precision column with inclusive bounds; NaN and infinities are never valid."""
    return Column(name, ColumnType.FLOAT, description, nullable, None, minimum, maximum)


def count(name: str, description: str) -> Column:
    """A double precision column of counts: engines write integers or integral floats."""
    return Column(name, ColumnType.FLOAT, description, minimum=0, whole=True)


def boolean(name: str, description: str, *, nullable: bool = True) -> Column:
    """A boolean column."""
    return Column(name, ColumnType.BOOLEAN, description, nullable)


def json_text(name: str, description: str, *, nullable: bool = True) -> Column:
    """A column of valid JSON text."""
    return Column(name, ColumnType.JSON, description, nullable)
