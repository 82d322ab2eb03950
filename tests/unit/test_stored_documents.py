"""Stored documents are judged one by one; text in the expected shape leaves as it is."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from backend.signals import stored
from tests.api.marts import TRENDS

POINT = '{"period":"202407","value":1.0000000000000002,"encounters":3}'
MONTHS = '{"encounters": [{"period": "2024-07", "value": 120.0}, {"period": "2024-08", "value": null}]}'


def rendered(name: str, text: str) -> str:
    """A document in an answer."""
    return orjson.dumps(stored.shown(name, text, "id")).decode()


@pytest.mark.parametrize("name", ["metric_trend_timeline", "metadata", "peer_percentile_trends"])
@pytest.mark.parametrize("text", ["", "{", "NaN", '"x"', "[[]]", '{"a": [1, {}]}x'])
def test_documents_of_the_wrong_shape_are_none(name: str, text: str) -> None:
    assert stored.document(name, text, "id") is None


def test_a_good_document_stays_as_it_is() -> None:
    text = '[{"period":"202407","value":1.0000000000000002,"encounters":3}]'
    assert stored.document("metric_trend_timeline", text, "id") == [
        {"period": "202407", "value": 1.0000000000000002, "encounters": 3}
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metric_trend_timeline", f"[{POINT}, {POINT}]"),
        ("metric_trend_timeline", "[]"),
        ("metadata", '{"encounters": 48032.0, "systemName": "\\u00e9", "nested": {"a": [1, null]}}'),
        ("metadata_per_period", MONTHS),
        ("peer_percentile_trends", json.dumps(TRENDS)),
    ],
)
def test_text_in_the_expected_shape_leaves_as_it_is(name: str, text: str) -> None:
    assert rendered(name, text) == text
    assert json.loads(text) == stored.document(name, text, "id")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        # Whole numbers with a point, keys that nobody expects, other values than numbers.
        (
            "metric_trend_timeline",
            '[{"period": "202407", "value": 1, "encounters": 12.0}]',
            [{"period": "202407", "value": 1.0, "encounters": 12}],
        ),
        (
            "metric_trend_timeline",
            f'[{POINT[:-1]}, "more": 1}}]',
            [{"period": "202407", "value": 1.0000000000000002, "encounters": 3}],
        ),
        ("metadata_per_period", '{"anything": {"else": 1}}', {"anything": {"else": 1}}),
        ("peer_percentile_trends", json.dumps({**TRENDS, "p10": [0.5]}), None),
        ("peer_percentile_trends", json.dumps({**TRENDS, "more": 1}), TRENDS),
        ("metadata", '{"a": NaN}', {"a": None}),
        ("metadata", '"text"', None),
        ("metadata", "null", None),
        ("metadata", "[" * 5000, None),
        ("entity_dimensions", '{"vizientServiceLine": "Cardio"}', {"vizientServiceLine": "Cardio"}),
    ],
)
def test_other_shapes_are_brought_into_shape_or_left_out(name: str, text: str, shown: Any) -> None:
    assert json.loads(rendered(name, text)) == shown
