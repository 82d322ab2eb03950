"""Error classes document themselves, and stored documents are judged one by one."""

from __future__ import annotations

import inspect

import pytest

from backend import errors
from backend.errors import DomainError, SchemaMismatch
from backend.problems import documented
from backend.signals import stored

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


@pytest.mark.parametrize("name", ["metric_trend_timeline", "metadata", "peer_percentile_trends"])
@pytest.mark.parametrize("text", ["", "{", "NaN", '"x"', "[[]]", '{"a": [1, {}]}x'])
def test_documents_of_the_wrong_shape_are_none(name: str, text: str) -> None:
    assert stored.document(name, text, "id") is None


def test_a_good_document_stays_as_it_is() -> None:
    text = '[{"period":"202407","value":1.0000000000000002,"encounters":3}]'
    assert stored.document("metric_trend_timeline", text, "id") == [
        {"period": "202407", "value": 1.0000000000000002, "encounters": 3}
    ]
