"""Expressions of the semantic layer as SQLAlchemy expressions: an allow-list, no text reaches SQL.

::

    expr    := term (('+' | '-') term)*
    term    := unary (('*' | '/') unary)*
    unary   := '-' unary | primary
    primary := number | 'text' | name | function '(' expr (',' expr)* ')' | '(' expr ')' | case
    case    := CASE (WHEN test THEN expr)+ [ELSE expr] END
    test    := all (OR all)* ;  all := compare (AND compare)*
    compare := expr (= | != | <> | < | <= | > | >=) expr | expr IS [NOT] NULL

A division is one of floating point, and null where the divisor is 0.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, case, cast, func, literal, or_
from sqlalchemy.sql.elements import SQLCoreOperations

from backend.metrics.tokens import Kind, SyntaxFault, Token, Tokens

Expression = ColumnElement[Any]
Resolve = Callable[[Token], Expression]
"""What a name stands for; raises SyntaxFault for one that stands for nothing."""

COMPARISONS: dict[str, Callable[[Any, Any], SQLCoreOperations[Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Expression]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_FUNCTIONS: dict[str, tuple[Callable[..., Expression], int | None]] = {
    "abs": (func.abs, 1),
    "nullif": (func.nullif, 2),
    "coalesce": (func.coalesce, None),
}
"""Functions by name, with the number of their arguments."""

_RESERVED = ("CASE", "WHEN", "THEN", "ELSE", "END", "AND", "OR", "NOT", "IS", "NULL")


def parse_expression(source: str, resolve: Resolve) -> Expression:
    """The expression that ``source`` says. Raises SyntaxFault."""
    parser = _Parser(Tokens(source), resolve)
    return parser.whole()


def divide(dividend: Expression, divisor: Expression) -> Expression:
    """A quotient, null where the divisor is 0."""
    return cast(dividend, Double) / func.nullif(cast(divisor, Double), literal(0.0, Double))


def number(text: str) -> int | float:
    """The value of a number."""
    return int(text) if text.isdigit() else float(text)


class _Parser:
    def __init__(self, tokens: Tokens, resolve: Resolve) -> None:
        self._tokens = tokens
        self._resolve = resolve

    def whole(self) -> Expression:
        expression = self._sum()
        if self._tokens.current.kind is not Kind.END:
            raise self._tokens.unexpected("the end")
        return expression

    def _sum(self) -> Expression:
        left = self._product()
        while sign := self._tokens.take_operator("+", "-"):
            left = _ARITHMETIC[sign.value](left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._unary()
        while sign := self._tokens.take_operator("*", "/"):
            right = self._unary()
            left = divide(left, right) if sign.value == "/" else left * right
        return left

    def _unary(self) -> Expression:
        if self._tokens.take_operator("-"):
            return -self._unary()
        return self._primary()

    def _primary(self) -> Expression:
        if self._tokens.take_operator("("):
            inner = self._sum()
            self._tokens.expect_operator(")")
            return inner
        if self._tokens.take_word("CASE"):
            return self._case()
        token = self._tokens.current
        if token.kind is Kind.NUMBER:
            return literal(number(self._tokens.take().value))
        if token.kind is Kind.TEXT:
            return literal(self._tokens.take().value)
        if token.kind is Kind.NAME and not token.is_word(*_RESERVED):
            self._tokens.take()
            return self._call(token) if self._tokens.take_operator("(") else self._resolve(token)
        raise self._tokens.unexpected("a value")

    def _call(self, name: Token) -> Expression:
        if name.value.lower() not in _FUNCTIONS:
            raise SyntaxFault(name.position, f"there is no function {name.value}")
        function, wanted = _FUNCTIONS[name.value.lower()]
        arguments = [self._sum()]
        while self._tokens.take_operator(","):
            arguments.append(self._sum())
        self._tokens.expect_operator(")")
        if wanted is not None and len(arguments) != wanted:
            raise SyntaxFault(name.position, f"{name.value} takes {wanted} arguments")
        # The type is that of the first argument, which SQLAlchemy does not know of every function.
        return function(*arguments, type_=arguments[0].type)

    def _case(self) -> Expression:
        branches = []
        while self._tokens.take_word("WHEN"):
            test = self._test()
            self._tokens.expect_word("THEN")
            branches.append((test, self._sum()))
        if not branches:
            raise self._tokens.unexpected("WHEN")
        otherwise = self._sum() if self._tokens.take_word("ELSE") else None
        self._tokens.expect_word("END")
        return case(*branches, else_=otherwise)

    def _test(self) -> ColumnElement[bool]:
        tests = [self._all()]
        while self._tokens.take_word("OR"):
            tests.append(self._all())
        return or_(*tests)

    def _all(self) -> ColumnElement[bool]:
        tests = [self._compare()]
        while self._tokens.take_word("AND"):
            tests.append(self._compare())
        return and_(*tests)

    def _compare(self) -> ColumnElement[bool]:
        left = self._sum()
        if self._tokens.take_word("IS"):
            negated = self._tokens.take_word("NOT")
            self._tokens.expect_word("NULL")
            return left.is_not(None) if negated else left.is_(None)
        sign = self._tokens.take_operator(*COMPARISONS)
        if sign is None:
            raise self._tokens.unexpected("a comparison")
        compared: ColumnElement[bool] = COMPARISONS[sign.value](left, self._sum())  # type: ignore[assignment]
        return compared
