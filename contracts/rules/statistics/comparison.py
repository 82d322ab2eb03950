"""Compare a statistic as written with the values it may have, as a table of comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from contracts.findings import Finding, Severity
from contracts.rules.folding import Row, fold
from contracts.rules.rule import Rule

TOLERANCE = 1e-9
"""Absolute up to 1, relative above: sums of thousands of doubles in another order differ by less."""

NEVER = pl.lit(False)
DEFECT: dict[str, type[pl.DataType]] = {
    "comparison": pl.String,
    "entity_key": pl.String,
    "statistical_method": pl.String,
    "position": pl.Int64,
    "facility_id": pl.String,
    "entity_dimensions": pl.String,
    "source_file": pl.String,
    "line_number": pl.Int64,
    "expected": pl.Float64,
    "actual": pl.Float64,
    "lenient": pl.Boolean,
}
"""Schema of defects: one row a number that differs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A number that must equal one of the values it may have.

    ``expected`` are the readings; those that are null cannot be computed, and where all are null
    nothing is checked. Where ``lenient`` holds a difference is a warning. ``path`` may name
    columns of the row in braces.
    """

    rule: Rule
    column: str
    expected: Sequence[pl.Expr]
    message: str
    path: str = "/statistical_methods/{position}/statistics/{column}"
    when: pl.Expr = field(default_factory=lambda: pl.lit(True))
    lenient: pl.Expr = NEVER

    @property
    def name(self) -> str:
        """Names the comparison among all others."""
        return f"{self.rule.code} {self.column}: {self.message}"


def differs(actual: pl.Expr, *expected: pl.Expr) -> pl.Expr:
    """Whether ``actual`` is none of the readings; false where no reading can be computed."""
    fits = [
        ((actual - reading).abs() <= TOLERANCE * pl.max_horizontal(pl.lit(1.0), reading.abs())).fill_null(
            False
        )
        for reading in expected
    ]
    return pl.any_horizontal([reading.is_not_null() for reading in expected]) & ~pl.any_horizontal(fits)


def compare(rows: pl.DataFrame | pl.LazyFrame, comparisons: Sequence[Comparison]) -> pl.DataFrame:
    """Defects of all ``comparisons``; one pass tells which of them have any.

    Of lazy rows that pass makes only the columns that are compared.
    """
    lazy = rows.lazy()
    wrong = [
        (item.when & differs(pl.col(item.column), *item.expected)).fill_null(False) for item in comparisons
    ]
    broken = lazy.select(each.any().alias(str(number)) for number, each in enumerate(wrong)).collect().row(0)
    found = [
        _completed(
            lazy.filter(condition)
            .with_columns(
                comparison=pl.lit(item.name),
                expected=pl.coalesce(item.expected).cast(pl.Float64),
                actual=pl.col(item.column).cast(pl.Float64),
                lenient=item.lenient.fill_null(False),
            )
            .collect()
        )
        for item, condition, any_broken in zip(comparisons, wrong, broken, strict=True)
        if any_broken
    ]
    return pl.concat(found, how="diagonal") if found else pl.DataFrame(schema=DEFECT)


def _completed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the schema of defects; further columns stay, paths may name them."""
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in DEFECT.items() if name not in rows]
    kept = rows.with_columns(missing)
    return kept.with_columns(pl.col(name).cast(kind) for name, kind in DEFECT.items())


def report(defects: pl.DataFrame, comparisons: Sequence[Comparison]) -> list[Finding]:
    """Findings of defects: one a comparison and file, errors apart from warnings."""
    found: list[Finding] = []
    if defects.is_empty():
        return found
    for item in comparisons:
        own = defects.filter(pl.col("comparison") == item.name)
        for lenient in (False, True):
            found += fold(
                item.rule,
                own.filter(pl.col("lenient") == lenient),
                item.message,
                json_path=lambda row, item=item: item.path.format(**{**row, "column": item.column}),  # type: ignore[misc]
                expected=_expected,
                actual=lambda row: number_text(row["actual"]),
                severity=Severity.WARNING if lenient else None,
            )
    return found


def _expected(row: Row) -> str:
    return f"{number_text(row['expected'])} (tolerance {TOLERANCE:g})"


def number_text(value: float | None) -> str:
    """A number as JSON writes it."""
    return "null" if value is None else repr(value)
