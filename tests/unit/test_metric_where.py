"""The grammar of conditions on dimensions: what it takes, what it binds, what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, DateTime, Double, Text, column
from sqlalchemy.dialects import postgresql

from backend.metrics.errors import WhereInvalid
from backend.metrics.tokens import SyntaxFault, Token
from backend.metrics.where import MAX_DEPTH, parse_where

_COLUMNS = {
    "facility_id": column("facility_id", Text()),
    "domain": column("domain", Text()),
    "score": column("score", Double()),
    "flag": column("flag", Boolean()),
    "seen": column("seen", DateTime(timezone=True)),
}


def _resolve(token: Token) -> Any:
    name = token.value.removeprefix("signal__")
    if name not in _COLUMNS:
        raise SyntaxFault(token.position, f"unknown dimension {name}")
    return _COLUMNS[name]


def _compiled(source: str) -> tuple[str, list[Any]]:
    """SQL with places for values, and the values in order."""
    compiled = parse_where(source, _resolve).compile(dialect=postgresql.asyncpg.dialect())
    assert compiled.positiontup is not None
    values = [compiled.params[name] for name in compiled.positiontup]
    return " ".join(str(compiled).split()), values


@pytest.mark.parametrize(
    ("source", "sql", "values"),
    [
        ("facility_id = '12345'", "facility_id = $1::VARCHAR", ["12345"]),
        ("{{ Dimension('signal__domain') }} = 'x'", "domain = $1::VARCHAR", ["x"]),
        ("{{Dimension(\"signal__domain\")}}='x'", "domain = $1::VARCHAR", ["x"]),
        ("domain <> 'O''Brien'", "domain != $1::VARCHAR", ["O'Brien"]),
        ("domain != ''", "domain != $1::VARCHAR", [""]),
        ("score >= -1.5e1", "score >= $1::FLOAT", [-15.0]),
        ("score < .5", "score < $1::FLOAT", [0.5]),
        ("flag = TRUE", "flag = $1::BOOLEAN", [True]),
        ("flag = false", "flag = $1::BOOLEAN", [False]),
        ("domain is null", "domain IS NULL", []),
        ("domain IS NOT NULL", "domain IS NOT NULL", []),
        (
            "score between 1 and 2 and flag = true",
            "score >= $1::FLOAT AND score <= $2::FLOAT AND flag = $3::BOOLEAN",
            [1.0, 2.0, True],
        ),
        ("domain in ('a', 'b')", "domain = $1::VARCHAR OR domain = $2::VARCHAR", ["a", "b"]),
        (
            "domain not in ('a','b')",
            "NOT (domain = $1::VARCHAR OR domain = $2::VARCHAR)",
            ["a", "b"],
        ),
        (
            "flag = true and domain = 'a' or domain = 'b'",
            "flag = $1::BOOLEAN AND domain = $2::VARCHAR OR domain = $3::VARCHAR",
            [True, "a", "b"],
        ),
        (
            "flag = true and (domain = 'a' or domain = 'b')",
            "flag = $1::BOOLEAN AND (domain = $2::VARCHAR OR domain = $3::VARCHAR)",
            [True, "a", "b"],
        ),
        (
            "not (domain = 'a' and score > 1)",
            "NOT (domain = $1::VARCHAR AND score > $2::FLOAT)",
            ["a", 1.0],
        ),
        ("seen = '2026-03-01'", "CAST(seen AS DATE) = $1::DATE", [date(2026, 3, 1)]),
        (
            "seen < '2026-03-01T12:00:00+02:00'",
            "seen < $1::TIMESTAMP WITH TIME ZONE",
            [datetime(2026, 3, 1, 10, tzinfo=UTC)],
        ),
        (
            "seen < '2026-03-01T12:00:00'",
            "seen < $1::TIMESTAMP WITH TIME ZONE",
            [datetime(2026, 3, 1, 12, tzinfo=UTC)],
        ),
    ],
)
def test_conditions_become_sql_with_bound_values(source: str, sql: str, values: list[Any]) -> None:
    assert _compiled(source) == (sql, values)


@pytest.mark.parametrize(
    ("source", "position", "reason"),
    [
        ("", 0, "expected a dimension, found the end"),
        ("   ", 3, "expected a dimension"),
        ("domain", 6, "expected a comparison"),
        ("domain = ", 9, "found the end"),
        ("domain = 'x' union select email from users", 13, "found 'union'"),
        ("domain = 'x'; drop table users", 12, "unexpected ';'"),
        ("domain = 'x' -- comment", 13, "expected AND, OR or the end"),
        ("domain = 'x' /* comment */", 13, "expected AND, OR or the end"),
        ("1 = 1", 0, "expected a dimension"),
        ("'a' = 'a'", 0, "expected a dimension"),
        ("domain = domain", 9, "expected a text in quotes"),
        ("domain = null", 9, "expected a text in quotes"),
        ("domain = :name", 9, "unexpected ':'"),
        ("domain = $1", 9, "unexpected '$'"),
        ("\"domain\" = 'x'", 0, "unexpected '\"'"),
        ("domain = 'open", 9, 'unexpected "\'"'),
        ("domain = E'\\x'", 9, "expected a text in quotes"),
        ("lower(domain) = 'x'", 0, "unknown dimension lower"),
        ("domain like 'x'", 7, "expected a comparison"),
        ("password = 'x'", 0, "unknown dimension password"),
        ("{{ Dimension('signal__password') }} = 'x'", 0, "unknown dimension password"),
        ("{{ TimeDimension('signal__seen') }} = 'x'", 0, "unexpected '{'"),
        ("domain = 'x' domain = 'y'", 13, "expected AND, OR or the end"),
        ("(domain = 'x'", 13, "expected ')'"),
        ("domain = 'x')", 12, "expected AND, OR or the end"),
        ("domain in ()", 11, "expected a text in quotes"),
        ("domain in ('a' 'b')", 15, "expected ')'"),
        ("domain in (select 1)", 11, "expected a text in quotes"),
        ("not not domain = 'x'", 4, "expected a dimension"),
        ("score between 1 or 2", 16, "expected AND"),
        ("score = 1.2.3", 8, "unexpected '1'"),
        ("score = 12abc", 8, "unexpected '1'"),
        ("score = 'x'", 8, "compared with a number"),
        ("score = true", 8, "compared with a number"),
        ("domain = 5", 9, "compared with a text in quotes"),
        ("flag = 1", 7, "compared with TRUE or FALSE"),
        ("seen = 5", 7, "compared with a date"),
        ("seen = 'yesterday'", 7, "expected a date or an instant in ISO 8601"),
        ("seen = '0001-01-01T00:00:00+23:00'", 7, "expected a date or an instant in ISO 8601"),
        ("domain = + 'x'", 11, "expected a text in quotes"),
        ("(" * 60 + "domain = 'x'" + ")" * 60, MAX_DEPTH, "parentheses within each other"),
    ],
)
def test_everything_else_is_refused_where_it_starts(source: str, position: int, reason: str) -> None:
    with pytest.raises(WhereInvalid) as caught:
        parse_where(source, _resolve)
    assert caught.value.position == position
    assert reason in caught.value.reason
    assert f"character {position + 1}" in caught.value.message


@given(st.text())
def test_any_text_is_a_condition_or_refused(source: str) -> None:
    position = 0
    try:
        parse_where(source, _resolve)
    except WhereInvalid as error:
        position = error.position
    assert 0 <= position <= len(source)


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_no_text_of_a_literal_reaches_the_statement(value: str) -> None:
    quoted = value.replace("'", "''")
    assert _compiled(f"domain = '{quoted}'") == ("domain = $1::VARCHAR", [value])


@given(
    st.lists(
        st.sampled_from(
            [
                "domain",
                "=",
                "'a'",
                "and",
                "or",
                "not",
                "(",
                ")",
                "in",
                ",",
                "is",
                "null",
                "between",
                "1",
                "--",
            ]
        ),
        max_size=12,
    )
)
def test_any_sequence_of_words_is_a_condition_or_refused(words: list[str]) -> None:
    source = " ".join(words)
    try:
        sql, values = _compiled(source)
    except WhereInvalid:
        return
    assert "'" not in sql
    assert len(values) == source.count("'a'") + source.split().count("1")
