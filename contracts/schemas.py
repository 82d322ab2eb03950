"""pandera schemas of the raw tables, and what a frame that breaks one is reported as.

Frames are validated eager: on a LazyFrame pandera checks no data at its default depth.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.errors import SchemaErrors

from contracts.columns import Column, ColumnType, Table
from contracts.findings import Finding
from contracts.rules.parsing import NUL_CHARACTER
from contracts.rules.rule import Rule
from contracts.rules.schema import (
    DUPLICATE_KEY,
    NOT_FINITE,
    OUT_OF_RANGE,
    UNEXPECTED_NULL,
    VALUE_NOT_ALLOWED,
    WRONG_TYPE,
)

POLARS_TYPES: dict[ColumnType, type[pl.DataType]] = {
    ColumnType.TEXT: pl.String,
    ColumnType.INTEGER: pl.Int64,
    ColumnType.FLOAT: pl.Float64,
    ColumnType.BOOLEAN: pl.Boolean,
    ColumnType.JSON: pl.String,
}
"""Polars type of each logical column type."""

_RULE_OF_CHECK: dict[str, Rule] = {
    "finite": NOT_FINITE,
    "range": OUT_OF_RANGE,
    "allowed": VALUE_NOT_ALLOWED,
    "no_nul": NUL_CHARACTER,
    "not_nullable": UNEXPECTED_NULL,
    "multiple_fields_uniqueness": DUPLICATE_KEY,
}


def polars_schema(table: Table) -> dict[str, type[pl.DataType]]:
    """Polars type of each declared column, in order."""
    return {column.name: POLARS_TYPES[column.type] for column in table.columns}


@cache
def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """The pandera schema of ``table``: types, nulls, vocabularies, ranges and the key."""
    columns = {
        column.name: pa.Column(
            POLARS_TYPES[column.type], checks=_checks(column), nullable=column.nullable, required=True
        )
        for column in table.columns
    }
    return pa.DataFrameSchema(columns, name=table.name, strict=True, unique=list(table.key))


def validate(table: Table, frame: pl.DataFrame) -> list[Finding]:
    """Findings of ``frame`` against the schema of ``table``, folded per rule and column."""
    if frame.is_empty():
        return []
    try:
        pandera_schema(table).validate(frame, lazy=True)
    except SchemaErrors as errors:
        return _findings(table, frame, errors.failure_cases)
    return []


def _checks(column: Column) -> list[pa.Check]:
    checks: list[pa.Check] = []
    if column.type is ColumnType.FLOAT:
        checks.append(_check("finite", pl.col(column.name).is_finite()))
    if column.minimum is not None or column.maximum is not None:
        low = column.minimum if column.minimum is not None else float("-inf")
        high = column.maximum if column.maximum is not None else float("inf")
        checks.append(_check("range", pl.col(column.name).is_between(low, high)))
    if column.allowed is not None:
        checks.append(_check("allowed", pl.col(column.name).is_in(list(column.allowed))))
    if column.type in (ColumnType.TEXT, ColumnType.JSON):
        nul = "\x00" if column.type is ColumnType.TEXT else "\\u0000"
        checks.append(_check("no_nul", ~pl.col(column.name).str.contains(nul, literal=True)))
    return checks


def _check(name: str, expression: pl.Expr) -> pa.Check:
    def evaluate(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(expression)

    return pa.Check(evaluate, name=name)


def _findings(table: Table, frame: pl.DataFrame, cases: pl.DataFrame) -> list[Finding]:
    findings = []
    for (check, column), group in cases.group_by(["check", "column"], maintain_order=True):
        name = str(check)
        rule = _RULE_OF_CHECK.get(name, WRONG_TYPE)
        if rule is DUPLICATE_KEY:
            findings.append(_duplicate(table, frame))
            continue
        rows = [index for index in group["index"].to_list() if index is not None]
        origin: dict[str, Any] = frame.row(rows[0], named=True) if rows else {}
        findings.append(
            rule.finding(
                f"{table.name}.{column}: {_describe(rule, table, str(column), name)}",
                file=origin.get("source_file"),
                line=origin.get("line_number"),
                entity=_entity(origin),
                actual=None if rule is UNEXPECTED_NULL else str(origin.get(str(column)))[:80],
                count=max(1, len(rows)),
            )
        )
    return findings


def _describe(rule: Rule, table: Table, name: str, check: str) -> str:
    column = next((column for column in table.columns if column.name == name), None)
    if column is None or rule is WRONG_TYPE:
        return f"does not have the declared type ({check})"
    if rule is OUT_OF_RANGE:
        low = "-inf" if column.minimum is None else f"{column.minimum:g}"
        high = "inf" if column.maximum is None else f"{column.maximum:g}"
        return f"outside [{low}, {high}]"
    if rule is VALUE_NOT_ALLOWED:
        return f"not one of {', '.join(column.allowed or ())}"
    return rule.summary[0].lower() + rule.summary[1:]


def _duplicate(table: Table, frame: pl.DataFrame) -> Finding:
    keys = list(table.key)
    repeated = frame.filter(~pl.struct(keys).is_first_distinct())
    origin = repeated.row(0, named=True)
    return DUPLICATE_KEY.finding(
        f"{table.name}: key ({', '.join(keys)}) repeats an earlier row",
        file=origin["source_file"],
        line=origin["line_number"],
        entity=_entity(origin),
        actual=", ".join(str(origin[key]) for key in keys),
        count=repeated.height,
    )


def _entity(origin: dict[str, Any]) -> str | None:
    parts = [f"{name}={origin[name]}" for name in ("facility_id", "entity_dimensions") if origin.get(name)]
    return " ".join(parts) or None
