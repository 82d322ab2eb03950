"""What changed between the signals of two runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import polars as pl

from backend.enums import RunState
from backend.services.movement import COMPARED
from transforms.errors import UsageError

KEY = "entity_key"
LABEL = ("metric_id", "facility", "group_value")
_SHOWN = 20


class NothingPublished(UsageError):
    """No run of the graph is published, so that there is nothing to compare with."""

    def __init__(self, graph_name: str) -> None:
        self.graph_name = graph_name
        super().__init__(
            f"no run of graph {graph_name} is published in this database",
            "`compass runs list` shows what it holds; `--diff DIR` compares with a run directory",
        )


@dataclass(frozen=True, slots=True)
class SignalDiff:
    """Signals that came, went and changed: rows of ``LABEL`` columns, changes with both values."""

    added: list[dict[str, Any]]
    removed: list[dict[str, Any]]
    changed: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """The difference as a JSON document."""
        return {"added": self.added, "removed": self.removed, "changed": self.changed}

    def text(self) -> str:
        """Counts, then the first of each kind."""
        lines = [f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed"]
        for sign, rows in (("+", self.added), ("-", self.removed), ("~", self.changed)):
            for row in rows[:_SHOWN]:
                name = " / ".join(str(row[column]) for column in LABEL)
                changes = ", ".join(
                    f"{column} {before} -> {after}"
                    for column, (before, after) in row.get("changes", {}).items()
                )
                lines.append(f"{sign} {name}{': ' if changes else ''}{changes}")
            if len(rows) > _SHOWN:
                lines.append(f"{sign} and {len(rows) - _SHOWN} more")
        return "\n".join(lines)


def compare(before: pl.DataFrame, after: pl.DataFrame) -> SignalDiff:
    """Compare two frames of fct_signals by entity key; nulls are equal to nulls."""
    added = after.join(before, on=KEY, how="anti").select(KEY, *LABEL).to_dicts()
    removed = before.join(after, on=KEY, how="anti").select(KEY, *LABEL).to_dicts()
    both = after.select(KEY, *LABEL, *COMPARED).join(
        before.select(KEY, *COMPARED), on=KEY, how="inner", suffix="_before"
    )
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in COMPARED)
    changed = [
        {name: row[name] for name in (KEY, *LABEL)}
        | {
            "changes": {
                name: (row[f"{name}_before"], row[name])
                for name in COMPARED
                if row[name] != row[f"{name}_before"]
            }
        }
        for row in both.filter(differs).to_dicts()
    ]
    return SignalDiff(added=added, removed=removed, changed=changed)


async def published_signals(
    connection: asyncpg.Connection, graph_name: str, schema: pl.Schema
) -> pl.DataFrame:
    """Rows of fct_signals of the published run of a graph, as ``compare`` takes them.

    ``schema`` is that of the frame to compare with: both engines give the same types. Raises
    NothingPublished.
    """
    run_key = await connection.fetchval(
        "select run_key from public.runs where graph_name = $1 and state = $2", graph_name, RunState.PUBLISHED
    )
    if run_key is None:
        raise NothingPublished(graph_name)
    columns = (KEY, *LABEL, *COMPARED)
    rows = await connection.fetch(
        f"select {', '.join(columns)} from public_marts.fct_signals where run_key = $1 order by {KEY}",  # noqa: S608
        run_key,
    )
    return pl.DataFrame(
        [tuple(row) for row in rows], schema={name: schema[name] for name in columns}, orient="row"
    )
