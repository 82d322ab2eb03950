"""Tables of narratives. A row that has all its cells is kept, whichever of its numbers are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts.narratives.markdown import (
    Problem,
    Section,
    is_missing,
    number,
    rows,
    text_or_none,
)

Json = dict[str, Any]

_BRANCH = "\N{BOX DRAWINGS LIGHT UP AND RIGHT}"
_CUMULATIVE = "[Cum:"
_EXACT_INTEGERS = 2**53


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells of a row; those that hold neither a number nor a sign of none are reported."""

    line: int
    cells: list[str]
    problems: list[Problem]

    def number(self, text: str) -> float | None:
        value = number(text)
        if value is None and not is_missing(text):
            self.problems.append(Problem(self.line, "the cell holds no number", text))
        return value

    def whole(self, text: str) -> int | None:
        value = self.number(text)
        if value is None:
            return None
        if value.is_integer() and abs(value) < _EXACT_INTEGERS:
            return int(value)
        self.problems.append(Problem(self.line, "the cell holds no whole number", text))
        return None


def comparisons(section: Section, problems: list[Problem]) -> list[Json]:
    """The facility on other metrics."""
    return [
        {
            "metric_name": name,
            "value": row.number(value),
            "z_score": row.number(zscore),
            "peer_status": status,
        }
        for row in _table(section, 4, problems)
        for name, value, zscore, status in (row.cells,)
    ]


def drivers(section: Section, problems: list[Problem]) -> list[Json]:
    """Segments with all that is known of them; those without a rank have that of their place."""
    found: list[Json] = []
    for row in _table(section, 13, problems):
        rank, dimension, segment, value, weight, excess, trend, slope, mean_z, z, status, multi, why = (
            row.cells
        )
        given = row.whole(rank)
        found.append(
            {
                "rank": len(found) + 1 if given is None else given,
                "dimension": dimension,
                "segment": segment,
                "value": row.number(value),
                "weight": row.number(weight),
                "excess": row.number(excess),
                "trend": text_or_none(trend),
                "slope_percentile": row.whole(slope),
                "mean_z": row.number(mean_z),
                "z_score": row.number(z),
                "peer_status": status,
                "multi_kpi": text_or_none(multi),
                "interpretation": why,
                "cumulative_pct": _cumulative(why),
            }
        )
    return found


def _cumulative(interpretation: str) -> float:
    _, mark, rest = interpretation.rpartition(_CUMULATIVE)
    return number(rest.partition("]")[0]) or 0.0 if mark else 0.0


def hierarchy(section: Section, problems: list[Problem]) -> list[Json]:
    """Service lines with their parts below them; parts before the first line stand by themselves."""
    top: list[Json] = []
    parent: Json | None = None
    for row in _table(section, 8, problems):
        level, segment, value, weight, excess, zscore, status, why = row.cells
        below = _BRANCH in level or "SSL" in level
        if not below and level != "SL":
            problems.append(Problem(row.line, "the level is neither SL nor SSL", level))
        node: Json = {
            "level": "SSL" if below else "SL",
            "segment": segment,
            "value": row.number(value),
            "weight": row.number(weight),
            "excess": row.number(excess),
            "z_score": row.number(zscore),
            "peer_status": status,
            "interpretation": why,
            "children": [],
        }
        if not below:
            parent = node
        (parent["children"] if below and parent is not None else top).append(node)
    return top


def _table(section: Section, columns: int, problems: list[Problem]) -> Iterator[_Row]:
    """The rows that have ``columns`` cells."""
    for line, cells in rows(section.lines):
        if len(cells) == columns:
            yield _Row(line, cells, problems)
        else:
            message = f"the row has {len(cells)} cells instead of {columns}"
            problems.append(Problem(line, message, " | ".join(cells)))
