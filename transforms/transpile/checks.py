"""Uses of allowed constructs that nevertheless differ: each check gives the reason, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from transforms.transpile.column_types import kind
from transforms.transpile.subset import INTEGERS, SAME_TEXT, TEXTS, TYPES

Check = Callable[[Any], str | None]


def _cast(cast: exp.Cast) -> str | None:
    source, target = kind(cast.this), cast.to.this
    if target in TEXTS and source not in SAME_TEXT and not isinstance(cast.this, exp.Null):
        return (
            f"the engines write a value of type {source.value.lower()} as different text, or may; "
            "cast to bigint or numeric(p, s) first"
        )
    return None


def _data_type(type_: exp.DataType) -> str | None:
    if type_.this not in TYPES:
        return "this type has no tested mapping"
    if type_.this is exp.DType.DECIMAL and len(type_.expressions) != 2:
        return "DuckDB takes numeric without precision and scale for numeric(18, 3); write numeric(p, s)"
    if type_.this in TEXTS and type_.expressions:
        return "DuckDB ignores the length of a text type; write text"
    return None


def _distinct(distinct: exp.Distinct) -> str | None:
    if distinct.args.get("on") is not None:
        return "which row DISTINCT ON keeps may depend on the engine; use row_number() over a total order"
    return None


def _division(division: exp.Div) -> str | None:
    left, right = kind(division.left), kind(division.right)
    numbers = INTEGERS | {exp.DType.DOUBLE}
    if left not in numbers or right not in numbers:
        return "division is known to agree for integers and doubles alone; cast both sides"
    if not _never_zero(division.right):
        return "PostgreSQL refuses to divide by zero, DuckDB gives infinity; divide by nullif(x, 0)"
    return None


def _never_zero(divisor: exp.Expr) -> bool:
    while isinstance(divisor, exp.Paren | exp.Cast):
        divisor = divisor.this
    if isinstance(divisor, exp.Nullif):
        return divisor.expression.is_number and float(divisor.expression.name) == 0
    return isinstance(divisor, exp.Literal) and divisor.is_number and float(divisor.name) != 0


def _double_pipe(concatenation: exp.DPipe) -> str | None:
    for operand in (concatenation.left, concatenation.right):
        if kind(operand) not in TEXTS:
            return "concatenate text with text alone: cast, or keep JSON out of models"
    return None


def _identifier(identifier: exp.Identifier) -> str | None:
    if identifier.name != identifier.name.lower():
        return "DuckDB takes no notice of upper and lower case in names; write names in lower case"
    return None


def _join(join: exp.Join) -> str | None:
    if join.args.get("using") or join.args.get("method"):
        return "say with `on` what is joined"
    return None


def _round(rounding: exp.Round) -> str | None:
    if kind(rounding.this) is not exp.DType.DECIMAL:
        return "the engines round halves of a double differently; cast to numeric(p, s) first"
    return None


def _sum(aggregate: exp.Sum | exp.Avg) -> str | None:
    if kind(aggregate.this) is exp.DType.DOUBLE:
        return None
    around = aggregate.parent
    while isinstance(around, exp.Filter | exp.Window | exp.Paren):
        around = around.parent
    if isinstance(around, exp.Cast):
        return None
    return "it has another type in each engine unless it adds doubles; cast the result at once"


CHECKS: dict[type[exp.Expr], Check] = {
    exp.Avg: _sum,
    exp.Cast: _cast,
    exp.DPipe: _double_pipe,
    exp.DataType: _data_type,
    exp.Distinct: _distinct,
    exp.Div: _division,
    exp.Identifier: _identifier,
    exp.Join: _join,
    exp.Round: _round,
    exp.Sum: _sum,
}
