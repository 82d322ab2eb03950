"""What rows of an artifact must keep, as a table of demands; failing rows become findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from contracts.findings import Finding, Severity
from contracts.rules.folding import Row, fold
from contracts.rules.rule import Rule

PLACE = ("row", "facility_id", "entity_dimensions", "source_file", "line_number")
"""Columns of a frame that is checked: ``row`` numbers its rows, the others say where they are."""
FAILURE: dict[str, type[pl.DataType]] = {
    "row": pl.Int64,
    "facility_id": pl.String,
    "entity_dimensions": pl.String,
    "source_file": pl.String,
    "line_number": pl.Int64,
    "demand": pl.Int64,
    "column": pl.String,
    "expected": pl.String,
    "actual": pl.String,
    "lenient": pl.Boolean,
}
"""Schema of failures: one row a value that does not keep a demand."""

NOTHING = pl.lit(None, dtype=pl.String)


@dataclass(frozen=True, slots=True)
class Demand:
    """Where ``wrong`` holds, ``column`` breaks ``rule``; where ``lenient`` holds that is a warning.

    ``expected`` and ``actual`` word the finding; ``actual`` is the column unless it is given.
    """

    rule: Rule
    column: str
    wrong: pl.Expr
    message: str
    expected: pl.Expr = field(default_factory=lambda: NOTHING)
    actual: pl.Expr | None = None
    lenient: pl.Expr = field(default_factory=lambda: pl.lit(False))


def failures(frame: pl.DataFrame, demands: Sequence[Demand]) -> pl.DataFrame:
    """Failures of all ``demands``; one pass tells which of them have any."""
    found = [pl.DataFrame(schema=FAILURE)]
    if frame.is_empty():
        return found[0]
    marked = frame.select(
        demand.wrong.fill_null(False).alias(str(number)) for number, demand in enumerate(demands)
    )
    for number, broken in enumerate(marked.select(pl.all().any()).row(0)):
        if broken:
            demand = demands[number]
            actual = pl.col(demand.column) if demand.actual is None else demand.actual
            rows = frame.filter(marked[str(number)]).select(
                *PLACE,
                demand=pl.lit(number),
                column=pl.lit(demand.column),
                expected=demand.expected,
                actual=actual,
                lenient=demand.lenient.fill_null(False),
            )
            found.append(rows.cast(dict(FAILURE)))  # type: ignore[arg-type]
    return pl.concat(found)


def report(
    failed: pl.DataFrame, demands: Sequence[Demand], path: Callable[[Row], str | None]
) -> list[Finding]:
    """Findings of ``failures``: one a demand and file, errors apart from warnings."""
    found: list[Finding] = []
    if failed.is_empty():
        return found
    for number, demand in enumerate(demands):
        own = failed.filter(pl.col("demand") == number)
        for lenient in (False, True):
            found += fold(
                demand.rule,
                own.filter(pl.col("lenient") == lenient),
                demand.message,
                json_path=path,
                expected=lambda row: row["expected"],
                actual=lambda row: "null" if row["actual"] is None else row["actual"],
                severity=Severity.WARNING if lenient else None,
            )
    return found


def rows_of(failed: pl.DataFrame, columns: Iterable[str] | None = None) -> pl.Series:
    """Numbers of the rows that failed a demand, or one on any of ``columns``."""
    rows = failed if columns is None else failed.filter(pl.col("column").is_in(list(columns)))
    return rows["row"].unique()


def without(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """``frame`` but for the rows with these numbers."""
    return frame if rows.is_empty() else frame.filter(~pl.col("row").is_in(rows.implode()))
