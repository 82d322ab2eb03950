"""``LIKE``: PostgreSQL's patterns escape with a backslash unless told otherwise, DuckDB's with nothing."""

from __future__ import annotations

from sqlglot import exp


def like_escape(expression: exp.Expr) -> exp.Expr:
    r"""``a like p`` becomes ``a like p escape '\'`` unless ``p`` is a constant without a backslash."""
    if not isinstance(expression, exp.Like) or isinstance(expression.parent, exp.Escape):
        return expression
    pattern = expression.expression
    if pattern.is_string and "\\" not in pattern.name:
        return expression
    return exp.Escape(this=expression.copy(), expression=exp.Literal.string("\\"))
