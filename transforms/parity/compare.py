"""Parity: one SQL, several engines, the same rows. Relations are compared key by key, value by value."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from transforms.compiled.manifest import Node
from transforms.parity.relation import Relation, Row

RELATIVE_TOLERANCE = 1e-9
"""Sums and averages add in another order in each engine; anything more is a difference."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """Something two engines do not agree on.

    A value of the row ``key``; a whole row, when ``column`` is None; the name or type of a column,
    when ``key`` is None.
    """

    model: str
    key: str | None
    column: str | None
    left: object
    right: object

    def __str__(self) -> str:
        """``model [key] column: left | right``."""
        row = "" if self.key is None else f" {self.key}"
        return f"{self.model}{row} {self.column or 'row'}: {self.left!r} | {self.right!r}"


@dataclass(slots=True)
class Comparison:
    """How two engines compare over every model: rows per model and what differs.

    ``declared`` maps columns that must differ to the reason; ``seen`` are those that did.
    """

    left: str
    right: str
    declared: Mapping[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    @property
    def closed(self) -> list[str]:
        """Declared differences that are none any more: their declarations have to go."""
        return sorted(self.declared.keys() - self.seen)

    @property
    def equal(self) -> bool:
        """Whether nothing differs but what is declared, and all of that does."""
        return not self.differences and not self.closed

    def document(self) -> dict[str, Any]:
        """The comparison as a JSON document."""
        return {
            "left": self.left,
            "right": self.right,
            "equal": self.equal,
            "rows": self.rows,
            "differences": [asdict(difference) for difference in self.differences],
            "closed": self.closed,
        }

    def text(self) -> str:
        """A summary line, then the first differences."""
        lines = [
            f"{self.left} and {self.right}: {len(self.rows)} models, {sum(self.rows.values()):,} rows, "
            f"{len(self.differences)} differences"
        ]
        lines.extend(f"  {difference}" for difference in self.differences[:_SHOWN])
        if len(self.differences) > _SHOWN:
            lines.append(f"  and {len(self.differences) - _SHOWN} more")
        lines.extend(
            f"  {column} no longer differs ({self.declared[column]}): remove its declaration"
            for column in self.closed
        )
        return "\n".join(lines)


def compare(comparison: Comparison, node: Node, key: Sequence[str], left: Relation, right: Relation) -> None:
    """Compare one relation and add what differs to ``comparison``.

    ``key`` names the columns that identify a row; without it rows are compared whole.
    """
    _compare_columns(comparison, node, left, right)
    shared = [column for column in left.columns if column in right.columns]
    # Without a key the whole row is one, but for what may differ.
    names = list(key) or [column for column in shared if column not in comparison.declared]
    first, second = _by_key(left.rows, names), _by_key(right.rows, names)
    comparison.rows[node.name] = len(first)
    for name in sorted(first.keys() | second.keys()):
        mine, other = first.get(name), second.get(name)
        if mine is None or other is None:
            present = ("missing" if mine is None else "present", "missing" if other is None else "present")
            comparison.differences.append(Difference(node.name, name, None, *present))
            continue
        for column in shared:
            if _same(mine[column], other[column]):
                continue
            if column in comparison.declared:
                comparison.seen.add(column)
            else:
                difference = Difference(node.name, name, column, mine[column], other[column])
                comparison.differences.append(difference)


def _compare_columns(comparison: Comparison, node: Node, left: Relation, right: Relation) -> None:
    if list(left.columns) != list(right.columns) and left.columns.keys() == right.columns.keys():
        order = Difference(node.name, None, "order of columns", [*left.columns], [*right.columns])
        comparison.differences.append(order)
    for column in [*left.columns, *(name for name in right.columns if name not in left.columns)]:
        mine, other = left.columns.get(column, "missing"), right.columns.get(column, "missing")
        if mine != other:
            comparison.differences.append(Difference(node.name, None, column, mine, other))


def _by_key(rows: Iterable[Row], key: Sequence[str]) -> dict[str, Row]:
    """Rows by the text of their key; equal keys are numbered, in an order both engines agree on."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        name = json.dumps([row.get(column) for column in key], default=str, ensure_ascii=False)
        groups.setdefault(name, []).append(row)
    found: dict[str, Row] = {}
    for name, group in groups.items():
        if len(group) > 1:
            group.sort(key=lambda row: repr(sorted(row.items())))
        for number, row in enumerate(group, start=1):
            found[name if number == 1 else f"{name} #{number}"] = row
    return found


def _same(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return math.isclose(left, right, rel_tol=RELATIVE_TOLERANCE, abs_tol=0.0)
    return type(left) is type(right) and left == right
