"""Keys of entities: they join tables, runs and engines, so their text is pinned."""

from __future__ import annotations

import hashlib
import json

import pytest

from transforms.stage.keys import KeyRing, canonical_json

EMPTY_OBJECT = "99914b932bd37a50b983c5e7c90ae93b"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "{}"),
        ({"b": "1", "a": "2"}, '{"a": "2", "b": "1"}'),
        ({"aa": "1", "b": "2"}, '{"b": "2", "aa": "1"}'),
        ({"é": "1", "zz": "2", "a": "3"}, '{"a": "3", "zz": "2", "é": "1"}'),
        ({"a": 'say "hi" – ok\\'}, '{"a": "say \\"hi\\" – ok\\\\"}'),
    ],
)
def test_canonical_json_orders_keys_by_bytes_as_jsonb_does(values: dict[str, str], text: str) -> None:
    assert canonical_json(values) == text
    assert KeyRing("g").entity(json.dumps(values).encode()).text == text


def test_entities_without_dimensions_share_one_hash() -> None:
    dimensions = KeyRing("g").dimensions([("medicareId", "010001"), ("systemName", "X")])
    assert (dimensions.text, dimensions.hash) == ("{}", EMPTY_OBJECT)
    assert (dimensions.label, dimensions.value) == ("Facility-wide", "Facility-wide")
    assert dimensions.service_line is None


def test_dimensions_do_not_depend_on_the_order_of_items() -> None:
    items = [("vizientSubServiceLine", "Burns"), ("medicareId", "1"), ("vizientServiceLine", "Skin")]
    ring = KeyRing("g")
    first, second = ring.dimensions(items), ring.dimensions(items[::-1])
    assert first == second
    assert first.label == "Service Line / Sub-Service Line"
    assert first.value == "Skin / Burns"
    assert (first.service_line, first.sub_service_line) == ("Skin", "Burns")


def test_an_unknown_dimension_is_titled_by_its_words() -> None:
    assert KeyRing("g").dimensions([("bedType", "ICU")]).label == "Bed Type"


@pytest.mark.parametrize("facility", ["010001", 'a"b', "Zürich"])
def test_entity_key_is_md5_of_the_identity(facility: str) -> None:
    identity = ["gräph", "losIndex", "losIndex__medicareId__aggregate_time_period", facility, EMPTY_OBJECT]
    expected = hashlib.md5(
        json.dumps(identity, ensure_ascii=False).encode(), usedforsecurity=False
    ).hexdigest()
    assert KeyRing("gräph").entity_key(identity[1], identity[2], facility, EMPTY_OBJECT) == expected
