"""The gate: a statement passes when all it consists of is known to mean the same in DuckDB."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from transforms.compiled.manifest import Node
from transforms.transpile.checks import CHECKS
from transforms.transpile.column_types import TYPED, ColumnTypes
from transforms.transpile.errors import NotPortable
from transforms.transpile.subset import ALLOWED

_SHOWN = 80


def parse(node: Node) -> exp.Expr:
    """The one statement of ``node``; raises NotPortable for text that is none, or more."""
    try:
        statements = sqlglot.parse(node.compiled_sql, read="postgres")
    except SqlglotError as error:
        facts = error.errors[0] if isinstance(error, sqlglot.ParseError) and error.errors else {}
        raise NotPortable(node, f"sqlglot cannot read it: {error}", line=facts.get("line")) from error
    if len(statements) != 1 or statements[0] is None:
        raise NotPortable(node, f"it holds {len(statements)} statements")
    return statements[0]


def require_portable(node: Node, statement: exp.Expr, types: ColumnTypes) -> None:
    """Raise NotPortable, naming line and construct, unless ``statement`` is within the subset.

    Writes types onto the operands of ``statement`` and learns the columns of a model on the way.
    """
    for part in statement.walk():
        if type(part) not in ALLOWED:
            raise _refusal(node, part, _unknown(part))
        if type(part) not in TYPED:
            _check(node, part)
    try:
        types.learn(node, statement)
    except SqlglotError as error:
        raise NotPortable(node, str(error)) from error
    for part in statement.find_all(*TYPED):
        _check(node, part)


def _check(node: Node, part: exp.Expr) -> None:
    check = CHECKS.get(type(part))
    reason = None if check is None else check(part)
    if reason is not None:
        raise _refusal(node, part, reason)


def _refusal(node: Node, part: exp.Expr, reason: str) -> NotPortable:
    return NotPortable(node, reason, line=_line(part), construct=_text(part))


def _unknown(part: exp.Expr) -> str:
    if isinstance(part, exp.Anonymous):
        return f"the function {part.name} has no tested mapping"
    if isinstance(part, exp.Func):
        return f"the function {part.sql_name().lower()} has no tested mapping"
    return f"{part.key} has no tested mapping"


def _text(part: exp.Expr) -> str:
    text = " ".join(part.sql(dialect="postgres", comments=False).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _line(part: exp.Expr) -> int | None:
    """First line of ``part``: sqlglot keeps positions of names, constants and functions alone."""
    lines: list[int] = [inner.meta["line"] for inner in part.walk() if "line" in inner.meta]
    if lines:
        return min(lines)
    return None if part.parent is None else _line(part.parent)
