"""Turn the failing rows of a check into findings: one a rule and file, with count and first places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from contracts.findings import Finding, Severity
from contracts.rules.rule import Rule

Row = dict[str, Any]
Wording = str | Callable[[Row], str | None] | None

MAX_PLACES = 4
"""Further lines that a folded finding names."""


def fold(
    rule: Rule,
    rows: pl.DataFrame,
    message: str | Callable[[Row], str],
    *,
    json_path: Wording = None,
    expected: Wording = None,
    actual: Wording = None,
    severity: Severity | None = None,
    by: str = "source_file",
) -> list[Finding]:
    """One finding for the failing ``rows`` of each file (or other column ``by``).

    The first row in order of lines gives place and wording; the message names a few lines more.
    ``message``, ``json_path``, ``expected`` and ``actual`` are texts, or are called with that row.
    """
    findings: list[Finding] = []
    if rows.is_empty():
        return findings
    for _, group in rows.sort("line_number", nulls_last=True, maintain_order=True).group_by(
        by, maintain_order=True
    ):
        first = group.row(0, named=True)
        text = message if isinstance(message, str) else message(first)
        findings.append(
            rule.finding(
                text + (_more(group) if group["source_file"].n_unique() == 1 else ""),
                file=first.get("source_file"),
                line=first["line_number"],
                json_path=_worded(json_path, first),
                entity=entity_of(first),
                expected=_worded(expected, first),
                actual=_worded(actual, first),
                count=group.height,
                severity=severity,
            )
        )
    return findings


def entity_of(row: Row) -> str | None:
    """How people name the entity of a row: its facility and dimensions."""
    parts = [str(row[name]) for name in ("facility_id",) if row.get(name)]
    dimensions = row.get("entity_dimensions")
    if dimensions not in (None, "{}"):
        parts.append(str(dimensions))
    return " ".join(parts) or None


def _more(group: pl.DataFrame) -> str:
    _, *others = group["line_number"].unique(maintain_order=True).drop_nulls().to_list() or [None]
    if not others:
        return ""
    shown = ", ".join(str(line) for line in others[:MAX_PLACES])
    return f" (also line {shown}{', …' if len(others) > MAX_PLACES else ''})"


def _worded(wording: Wording, row: Row) -> str | None:
    return wording(row) if callable(wording) else wording
