"""Division of integers: PostgreSQL truncates, DuckDB's ``/`` gives a double."""

from __future__ import annotations

from sqlglot import exp

from transforms.transpile.column_types import kind
from transforms.transpile.subset import INTEGERS


def integer_division(expression: exp.Expr) -> exp.Expr:
    """``a / b`` of integers becomes ``a // b``, which truncates towards zero as well, and exactly."""
    if not isinstance(expression, exp.Div):
        return expression
    if kind(expression.left) in INTEGERS and kind(expression.right) in INTEGERS:
        # Both operators bind equally tight, so that parentheses stay where they are.
        division = exp.IntDiv(this=expression.this, expression=expression.expression)
        # It may be divided again.
        division.type = expression.type
        return division
    return expression
