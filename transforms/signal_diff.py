"""What changed between the signals of two runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

KEY = "entity_key"
COMPARED = (
    "metric_value",
    "benchmark",
    "percentile_rank",
    "simple_zscore",
    "robust_zscore",
    "slope_percentile",
    "simplified_signal_type",
    "simplified_severity",
    "domain",
)
"""Columns whose change is worth showing; run ids, places and timelines change every time."""
LABEL = ("metric_id", "facility", "group_value")
_SHOWN = 20


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
