"""Conditions on dimensions, as callers and definitions of metrics write them.

::

    expr    := and (OR and)* ;  and := not (AND not)* ;  not := [NOT] atom
    atom    := '(' expr ')' | dim op literal | dim [NOT] IN '(' literal (',' literal)* ')'
             | dim IS [NOT] NULL | dim BETWEEN literal AND literal
    op      := = | != | <> | < | <= | > | >=
    dim     := name | {{ Dimension('entity__name') }}
    literal := 'text' | number | TRUE | FALSE

Every literal is bound and compared with a dimension of its own kind; instants are compared with
a date (then by day, in UTC) or with an ISO 8601 instant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Float,
    Text,
    and_,
    cast,
    literal,
    not_,
    or_,
)
from sqlalchemy.types import Integer, String

from backend.metrics.errors import WhereInvalid
from backend.metrics.expressions import COMPARISONS, Expression
from backend.metrics.tokens import Kind, SyntaxFault, Token, Tokens

Condition = ColumnElement[bool]
Resolve = Callable[[Token], Expression]
"""The dimension that a token names; raises SyntaxFault for one that is none."""

MAX_DEPTH = 50
_WORDS = ("AND", "OR", "NOT", "IN", "IS", "NULL", "BETWEEN", "TRUE", "FALSE")


@dataclass(frozen=True, slots=True)
class _Literal:
    position: int
    value: str | float | bool


def parse_where(source: str, resolve: Resolve) -> Condition:
    """The condition that ``source`` says. Raises WhereInvalid."""
    try:
        return _Parser(Tokens(source), resolve).whole()
    except SyntaxFault as fault:
        raise WhereInvalid(fault.position, fault.reason) from fault


class _Parser:
    def __init__(self, tokens: Tokens, resolve: Resolve) -> None:
        self._tokens = tokens
        self._resolve = resolve
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._or()
        if self._tokens.current.kind is not Kind.END:
            raise self._tokens.unexpected("AND, OR or the end")
        return condition

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._tokens.take_word("OR"):
            parts.append(self._and())
        return or_(*parts)

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._tokens.take_word("AND"):
            parts.append(self._not())
        return and_(*parts)

    def _not(self) -> Condition:
        return not_(self._atom()) if self._tokens.take_word("NOT") else self._atom()

    def _atom(self) -> Condition:
        opened = self._tokens.take_operator("(")
        if opened is None:
            return self._comparison()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SyntaxFault(opened.position, f"more than {MAX_DEPTH} parentheses within each other")
        inner = self._or()
        self._tokens.expect_operator(")")
        self._depth -= 1
        return inner.self_group()

    def _comparison(self) -> Condition:
        dimension = self._dimension()
        if self._tokens.take_word("IS"):
            negated = self._tokens.take_word("NOT")
            self._tokens.expect_word("NULL")
            return dimension.is_not(None) if negated else dimension.is_(None)
        if self._tokens.take_word("BETWEEN"):
            low = self._literal()
            self._tokens.expect_word("AND")
            return and_(_compare(dimension, ">=", low), _compare(dimension, "<=", self._literal()))
        negated = self._tokens.take_word("NOT")
        if negated or self._tokens.current.is_word("IN"):
            self._tokens.expect_word("IN")
            chosen = or_(*(_compare(dimension, "=", each) for each in self._literals()))
            return not_(chosen) if negated else chosen
        sign = self._tokens.take_operator(*COMPARISONS)
        if sign is None:
            raise self._tokens.unexpected("a comparison, IN, IS or BETWEEN")
        return _compare(dimension, sign.value, self._literal())

    def _dimension(self) -> Expression:
        token = self._tokens.current
        if token.kind is Kind.DIMENSION or (token.kind is Kind.NAME and not token.is_word(*_WORDS)):
            return self._resolve(self._tokens.take())
        raise self._tokens.unexpected("a dimension")

    def _literals(self) -> list[_Literal]:
        self._tokens.expect_operator("(")
        found = [self._literal()]
        while self._tokens.take_operator(","):
            found.append(self._literal())
        self._tokens.expect_operator(")")
        return found

    def _literal(self) -> _Literal:
        position = self._tokens.current.position
        sign = self._tokens.take_operator("-", "+")
        token = self._tokens.current
        if token.kind is Kind.NUMBER:
            value = float(self._tokens.take().value)
            return _Literal(position, -value if sign is not None and sign.value == "-" else value)
        if sign is None and token.kind is Kind.TEXT:
            return _Literal(position, self._tokens.take().value)
        if sign is None and token.is_word("TRUE", "FALSE"):
            return _Literal(position, self._tokens.take().value.upper() == "TRUE")
        raise self._tokens.unexpected("a text in quotes, a number, TRUE or FALSE")


def _compare(dimension: Expression, sign: str, value: _Literal) -> Condition:
    left, right = _comparable(dimension, value)
    condition: Condition = COMPARISONS[sign](left, right)  # type: ignore[assignment]
    return condition


def _comparable(dimension: Expression, value: _Literal) -> tuple[Expression, Expression]:
    """Both sides of a comparison, of one type. Raises SyntaxFault for values of another kind."""
    kind, given = dimension.type, value.value
    if isinstance(kind, DateTime) and isinstance(given, str):
        return _moments(dimension, given, value.position)
    if isinstance(kind, String) and isinstance(given, str):
        return dimension, literal(given, Text)
    if isinstance(kind, Boolean) and isinstance(given, bool):
        return dimension, literal(given, Boolean)
    if isinstance(kind, Integer | Float) and isinstance(given, float):
        return dimension, literal(given, Double)
    raise SyntaxFault(value.position, f"the dimension is compared with {_wanted(kind)}")


def _wanted(kind: Any) -> str:
    if isinstance(kind, DateTime):
        return "a date or an instant in quotes"
    if isinstance(kind, String):
        return "a text in quotes"
    return "TRUE or FALSE" if isinstance(kind, Boolean) else "a number"


def _moments(dimension: Expression, text: str, position: int) -> tuple[Expression, Expression]:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return cast(dimension, Date), literal(day, Date)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SyntaxFault(position, "expected a date or an instant in ISO 8601") from error
    return dimension, literal(moment, DateTime(timezone=True))
