"""pandera schemas of the raw tables, and what a frame that breaks one is reported as.

Frames are validated eager: on a LazyFrame pandera checks no data at its default depth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

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

if TYPE_CHECKING:
    import pandera.polars as pa
    from pandera.api.polars.types import PolarsData

INTEGER_LIMIT = 2**63
"""Beyond is what a 64-bit integer column cannot hold."""

POLARS_TYPES: dict[ColumnType, type[pl.DataType]] = {
    ColumnType.TEXT: pl.String,
    ColumnType.INTEGER: pl.Int64,
    ColumnType.FLOAT: pl.Float64,
    ColumnType.BOOLEAN: pl.Boolean,
    ColumnType.JSON: pl.String,
}
"""Polars type of each logical column type."""

_ESCAPED_NUL = r"\u0000"
_JSON_NUL = r"(?:^|[^\\])(?:\\\\)*\\u0000"
"""The escape of U+0000; after an odd number of backslashes these six letters are plain text."""

_WITHIN_ENTITY = frozenset({"raw_statistical_methods", "raw_anomalies"})
"""Tables with several rows an entity line: a line that repeats an entity is the entity's finding."""

_POINTERS: dict[str, str] = {
    "raw_statistical_methods": "/statistical_methods/*/statistics/{column}",
    "raw_anomalies": "/statistical_methods/*/anomalies/*/methods/*/{column}",
    "raw_classifications": "/{column}",
    "raw_contributions": "/{column}",
    "raw_modeling_experiments": "{item}/metrics/{column}",
}
"""Where a column of these tables stands in its artifact, unless _MEMBERS says otherwise."""

_MEMBERS: dict[tuple[str, str], str] = {
    **{
        ("raw_classifications", name): f"/inputs/{name}"
        for name in (
            "aggregate_zscore",
            "slope_percentile",
            "acceleration",
            "zscore_std",
            "max_abs_deviation",
        )
    },
    **{
        ("raw_classifications", name): f"/derived_indicators/{name}"
        for name in ("position", "trend", "momentum", "consistency", "has_spike")
    },
    ("raw_classifications", "facility_id"): "/entity_key",
    ("raw_classifications", "classified_at"): "/timestamp",
    ("raw_contributions", "facility_id"): "/parent_entity",
    ("raw_contributions", "computed_at"): "/timestamp",
    ("raw_classifications", "severity_range_min"): "/severity_range/0",
    ("raw_classifications", "severity_range_max"): "/severity_range/1",
    ("raw_statistical_methods", "peer_count"): "/statistical_methods/*/runtime/anomaly_statistics/peer_count",
    ("raw_entity_results", "metric_value"): "/metric/0/values",
    ("raw_entity_results", "coverage_ratio"): "/metric/0/temporal_runtime/coverage_ratio",
    ("raw_entity_results", "observed_count"): "/metric/0/temporal_runtime/observed_count",
    ("raw_entity_results", "missing_count"): "/metric/0/temporal_runtime/missing_count",
    ("raw_entity_results", "encounters"): "/metadata/encounters",
    ("raw_entity_results", "metadata"): "/metadata",
    ("raw_entity_results", "facility_id"): "/entity",
    **{
        ("raw_modeling_experiments", name): f"{{item}}/{name}"
        for name in ("n_iter", "random_state", "tuning_random_state", "rows", "duration_seconds")
    },
}

NO_COUNT: dict[str, str] = {
    "whole": "a count must be a whole number",
    "bits": "the integer has more than 64 bits",
}
"""What is said of a number that is no count."""

_RULE_OF_CHECK: dict[str, Rule] = {
    "finite": NOT_FINITE,
    "range": OUT_OF_RANGE,
    "whole": WRONG_TYPE,
    "bits": OUT_OF_RANGE,
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
    import pandera.polars as pa

    columns = {
        column.name: pa.Column(
            POLARS_TYPES[column.type],
            checks=[pa.Check(_evaluate(condition), name=name) for name, condition in _conditions(column)],
            nullable=column.nullable,
            required=True,
        )
        for column in table.columns
    }
    return pa.DataFrameSchema(columns, name=table.name, strict=True, unique=list(table.key))


def validate(table: Table, frame: pl.DataFrame, single: frozenset[str] = frozenset()) -> list[Finding]:
    """Findings of ``frame`` against the schema of ``table``, folded per rule and column.

    ``single`` are documents that hold one object where others hold a list of them.

    A frame that keeps all conditions is told by one pass over it; only others are worth what
    pandera costs to import, and a column to say which rows fail.
    """
    if frame.is_empty() or _keeps(table, frame):
        return []
    from pandera.errors import SchemaErrors

    try:
        pandera_schema(table).validate(frame, lazy=True)
    except SchemaErrors as errors:
        return _findings(table, frame, errors.failure_cases, single)
    return []


def _keeps(table: Table, frame: pl.DataFrame) -> bool:
    """Whether types, nulls, the key and all conditions are as declared."""
    if dict(frame.schema) != polars_schema(table):
        return False
    broken = [
        (~condition).any().alias(f"{column.name} {name}")
        for column in table.columns
        for name, condition in _conditions(column, strictly=True)
    ]
    broken += [
        pl.col(column.name).is_null().any().alias(f"{column.name} null")
        for column in table.columns
        if not column.nullable
    ]
    distinct = frame.select(table.key).n_unique()
    return distinct == frame.height and not any(frame.select(broken).row(0))


def _conditions(column: Column, *, strictly: bool = False) -> list[tuple[str, pl.Expr]]:
    """What the non-null values of ``column`` must keep, by name.

    ``strictly`` asks for what is quick to tell, which values that are as they should be may break too.
    """
    value = pl.col(column.name)
    conditions: list[tuple[str, pl.Expr]] = []
    if column.type is ColumnType.FLOAT:
        conditions.append(("finite", value.is_finite()))
    if column.minimum is not None or column.maximum is not None:
        low = column.minimum if column.minimum is not None else float("-inf")
        high = column.maximum if column.maximum is not None else float("inf")
        conditions.append(("range", value.is_between(low, high)))
    if column.whole:
        conditions += [("whole", value == value.floor()), ("bits", value.abs() < float(INTEGER_LIMIT))]
    if column.allowed is not None:
        conditions.append(("allowed", value.is_in(list(column.allowed))))
    if column.type is ColumnType.TEXT:
        conditions.append(("no_nul", ~value.str.contains("\x00", literal=True)))
    elif column.type is ColumnType.JSON:
        nul = value.str.contains(_ESCAPED_NUL, literal=True) if strictly else value.str.contains(_JSON_NUL)
        conditions.append(("no_nul", ~nul))
    return conditions


def _evaluate(condition: pl.Expr) -> Callable[[PolarsData], pl.LazyFrame]:
    def evaluate(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(condition)

    return evaluate


def _findings(
    table: Table, frame: pl.DataFrame, cases: pl.DataFrame, single: frozenset[str]
) -> list[Finding]:
    findings = []
    for (check, column), group in cases.group_by(["check", "column"], maintain_order=True):
        name = str(check)
        rule = _RULE_OF_CHECK.get(name, WRONG_TYPE)
        if rule is DUPLICATE_KEY:
            findings.extend(_duplicates(table, frame))
            continue
        rows = [index for index in group["index"].to_list() if index is not None]
        origin: dict[str, Any] = frame.row(rows[0], named=True) if rows else {}
        findings.append(
            rule.finding(
                f"{table.name}.{column}: {_describe(rule, table, str(column), name)}",
                file=origin.get("source_file"),
                line=origin.get("line_number"),
                json_path=json_pointer(table, str(column), _item(origin, single)),
                entity=_entity(origin),
                actual=None if rule is UNEXPECTED_NULL else str(origin.get(str(column)))[:80],
                count=max(1, len(rows)),
            )
        )
    return findings


def _describe(rule: Rule, table: Table, name: str, check: str) -> str:
    if check in NO_COUNT:
        return NO_COUNT[check]
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


def json_pointer(table: Table, column: str, item: str = "/*") -> str | None:
    """Where ``column`` stands in its artifact, ``*`` for any position; None where that is not known.

    ``item`` leads to the object of a row in documents that hold several.
    """
    pattern = _MEMBERS.get((table.name, column)) or _POINTERS.get(table.name)
    return None if pattern is None else pattern.format(column=column, item=item)


def _item(origin: dict[str, Any], single: frozenset[str]) -> str:
    if origin.get("source_file") in single:
        return ""
    return f"/{origin.get('experiment_index', '*')}"


def _duplicates(table: Table, frame: pl.DataFrame) -> list[Finding]:
    keys = list(table.key)
    place = ["source_file", "line_number"] if table.name in _WITHIN_ENTITY else []
    repeated = frame.filter(~pl.struct(keys + place).is_first_distinct())
    if repeated.is_empty():
        return []
    origin = repeated.row(0, named=True)
    first = frame.filter(pl.all_horizontal(pl.col(name).eq_missing(pl.lit(origin[name])) for name in keys))
    line = first["line_number"][0]
    earlier = "an earlier row" if line is None else f"that of {first['source_file'][0]}:{line}"
    return [
        DUPLICATE_KEY.finding(
            f"{table.name}: the key ({', '.join(keys)}) is {earlier}",
            file=origin["source_file"],
            line=origin["line_number"],
            entity=_entity(origin),
            actual=", ".join(str(origin[key]) for key in keys),
            count=repeated.height,
        )
    ]


def _entity(origin: dict[str, Any]) -> str | None:
    parts = [f"{name}={origin[name]}" for name in ("facility_id", "entity_dimensions") if origin.get(name)]
    return " ".join(parts) or None
