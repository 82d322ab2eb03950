"""One compiled statement in DuckDB's dialect."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from transforms.compiled.manifest import Node
from transforms.transpile.column_types import ColumnTypes
from transforms.transpile.errors import NotPortable
from transforms.transpile.gate import parse, require_portable
from transforms.transpile.rules import RULES


def to_duckdb(node: Node, types: ColumnTypes | None = None) -> str:
    """The compiled SQL of ``node`` for DuckDB; raises NotPortable.

    ``types`` knows the relations that ``node`` reads, and learns its columns when it is a model.
    Without it every column has an unknown type, and what depends on types is refused.
    """
    statement = parse(node)
    require_portable(node, statement, ColumnTypes() if types is None else types)
    try:
        return _rewritten(statement).sql(
            dialect="duckdb", pretty=True, copy=False, unsupported_level=ErrorLevel.RAISE
        )
    except SqlglotError as error:
        raise NotPortable(node, str(error)) from error


def _rewritten(statement: exp.Expr) -> exp.Expr:
    for rule in RULES:
        # From the leaves up: what a rule wraps has been seen by it before.
        for part in reversed(list(statement.walk())):
            new = rule(part)
            if new is not part:
                part.replace(new)
    return statement
