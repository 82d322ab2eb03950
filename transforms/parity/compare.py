"""Parity: one SQL, several engines, the same rows. Tables are compared key by key, value by value."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import duckdb

from contracts.ddl import LOADED_AT, quote_identifier
from transforms.compiled.manifest import Manifest, Node

RELATIVE_TOLERANCE = 1e-9
"""Sums and averages add in another order in each engine; anything more is a difference."""

DECLARED_DIFFERENCES: dict[str, str] = {LOADED_AT: "the instant of the load, another one in each database"}
"""Columns that may differ, each with the reason."""

_SHOWN = 5

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """A value, or a whole row (``column`` is None), that two engines do not agree on."""

    model: str
    key: str
    column: str | None
    left: object
    right: object

    def __str__(self) -> str:
        """``model key column: left | right``."""
        place = f"{self.model} [{self.key}]"
        return f"{place} {self.column or 'row'}: {self.left!r} | {self.right!r}"


@dataclass(slots=True)
class Comparison:
    """How two engines compare over every model: rows per model and what differs."""

    left: str
    right: str
    rows: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def text(self) -> str:
        """A summary line, then the first differences."""
        lines = [
            f"{self.left} and {self.right}: {len(self.rows)} models, {sum(self.rows.values()):,} rows, "
            f"{len(self.differences)} differences"
        ]
        lines.extend(f"  {difference}" for difference in self.differences[:_SHOWN])
        if len(self.differences) > _SHOWN:
            lines.append(f"  and {len(self.differences) - _SHOWN} more")
        return "\n".join(lines)


def relations(manifest: Manifest) -> list[Node]:
    """Models and seeds, by name: what is compared."""
    nodes = (node for node in manifest.nodes.values() if node.resource_type in ("model", "seed"))
    return sorted(nodes, key=lambda node: node.name)


def grain(manifest: Manifest, node: Node) -> tuple[str, ...]:
    """Columns that identify a row of ``node``, from its uniqueness tests; all columns without one."""
    for test in manifest.nodes.values():
        if test.test is None or test.test.attached_node != node.unique_id:
            continue
        if test.test.kind == "unique_combination":
            return tuple(test.test.arguments["columns"])
        if test.test.kind == "unique" and test.test.column_name is not None:
            return (test.test.column_name,)
    return ()


async def postgres_rows(connection: asyncpg.Connection, node: Node) -> list[Row]:
    """Every row of a relation in PostgreSQL."""
    return [dict(row) for row in await connection.fetch(f"select * from {_qualified(node)}")]  # noqa: S608


def duckdb_rows(connection: duckdb.DuckDBPyConnection, node: Node) -> list[Row]:
    """Every row of a relation in DuckDB."""
    cursor = connection.execute(f"select * from {_qualified(node)}")  # noqa: S608
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def compare(
    comparison: Comparison, node: Node, key: Sequence[str], left: Iterable[Row], right: Iterable[Row]
) -> None:
    """Compare the rows of one relation and add what differs to ``comparison``."""
    first, second = _by_key(left, key), _by_key(right, key)
    comparison.rows[node.name] = len(first)
    for name in sorted(first.keys() | second.keys()):
        mine, other = first.get(name), second.get(name)
        if mine is None or other is None:
            present = ("missing" if mine is None else "present", "missing" if other is None else "present")
            comparison.differences.append(Difference(node.name, name, None, *present))
            continue
        comparison.differences.extend(
            Difference(node.name, name, column, mine.get(column), other.get(column))
            for column in sorted(mine.keys() | other.keys())
            if column not in DECLARED_DIFFERENCES and not _same(mine.get(column), other.get(column))
        )


def _by_key(rows: Iterable[Row], key: Sequence[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in rows:
        columns = key or sorted(row)
        name = json.dumps([row[column] for column in columns], default=str, ensure_ascii=False)
        if name in found:
            name = f"{name} again"
        found[name] = row
    return found


def _same(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=RELATIVE_TOLERANCE, abs_tol=0.0)
    return type(left) is type(right) and left == right


def _qualified(node: Node) -> str:
    return f"{quote_identifier(node.schema)}.{quote_identifier(node.alias)}"
