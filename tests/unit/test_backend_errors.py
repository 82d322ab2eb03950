"""Error classes document themselves."""

from __future__ import annotations

import inspect

import pytest

from backend import errors
from backend.errors import DomainError, SchemaMismatch
from backend.problems import documented

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, DomainError) and each is not DomainError
]


def test_kinds_of_problems_are_told_apart() -> None:
    assert len({each.slug for each in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_documented_where_it_is_declared(kind: type[DomainError]) -> None:
    response = documented(kind)[kind.status]
    assert inspect.getdoc(kind) in response["description"]
    assert kind.slug in response["content"]["application/problem+json"]["examples"]
    assert 400 <= kind.status <= 599


@pytest.mark.parametrize(
    ("current", "known", "says"),
    [
        (None, True, "no schema yet"),
        ("0001", True, "compass db upgrade"),
        ("9999", False, "this version does not know"),
    ],
)
def test_a_schema_out_of_step_says_what_to_do(current: str | None, known: bool, says: str) -> None:
    assert says in str(SchemaMismatch(current, "0002", known=known))
