"""Comparing what two engines made of a model finds every kind of difference."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support.manifests import data_test, model
from transforms.compiled.manifest import Manifest, Node, TestConfig
from transforms.parity.compare import Comparison, compare
from transforms.parity.relation import Relation, grain, relations

NODE = model("m", "select 1")
TYPES = {"id": "BIGINT", "value": "DOUBLE", "name": "VARCHAR"}


def _relation(*rows: tuple[Any, ...], columns: dict[str, str] | None = None) -> Relation:
    names = columns or TYPES
    return Relation(names, [dict(zip(names, row, strict=True)) for row in rows])


def _compare(left: Relation, right: Relation, key: tuple[str, ...] = ("id",), **declared: str) -> Comparison:
    comparison = Comparison("one", "other", declared=declared)
    compare(comparison, NODE, key, left, right)
    return comparison


def test_equal_rows_in_another_order_are_equal() -> None:
    rows = ((1, 1.5, "a"), (2, None, None), (3, math.nan, "ß"), (4, math.inf, ""))
    compared = _compare(_relation(*rows), _relation(*reversed(rows)))
    assert compared.equal
    assert compared.rows == {"m": 4}
    assert compared.text() == "one and other: 1 models, 4 rows, 0 differences"


def test_a_missing_row_is_found_on_either_side() -> None:
    both, alone = _relation((1, 1.0, "a"), (2, 2.0, "b")), _relation((1, 1.0, "a"))
    for left, right, words in ((both, alone, ("present", "missing")), (alone, both, ("missing", "present"))):
        (difference,) = _compare(left, right).differences
        assert (difference.key, difference.column) == ("[2]", None)
        assert (difference.left, difference.right) == words


@pytest.mark.parametrize(
    ("column", "left", "right"),
    [
        ("name", "a", "b"),
        ("name", "a", "a "),
        ("name", "", None),
        ("value", 1.0, None),
        ("value", 1.0, 1),
        ("value", True, 1),
        ("value", 1.0, 1.00001),
        ("value", 0.0, 1e-300),
        ("value", 1.0, math.nan),
        ("value", math.inf, -math.inf),
    ],
)
def test_a_changed_value_is_found(column: str, left: object, right: object) -> None:
    def with_value(value: object) -> Relation:
        row = {"id": 1, "value": 1.0, "name": "a"} | {column: value}
        return _relation(tuple(row.values()))

    compared = _compare(with_value(left), with_value(right))
    assert not compared.equal
    (difference,) = compared.differences
    assert difference.column == column
    assert (repr(difference.left), repr(difference.right)) == (repr(left), repr(right))
    assert f"m [1] {column}: {left!r} | {right!r}" in compared.text()


@pytest.mark.parametrize(("left", "right"), [(1.0, 1.0 + 5e-10), (1e300, 1e300 * (1 - 5e-10)), (0.0, -0.0)])
def test_doubles_may_differ_in_their_last_digits(left: float, right: float) -> None:
    assert _compare(_relation((1, left, "a")), _relation((1, right, "a"))).equal


def test_columns_are_compared_even_without_rows() -> None:
    other_type = _relation(columns=TYPES | {"value": "HUGEINT"})
    (difference,) = _compare(_relation(), other_type).differences
    assert str(difference) == "m value: 'DOUBLE' | 'HUGEINT'"
    (difference,) = _compare(_relation(), _relation(columns={"id": "BIGINT", "value": "DOUBLE"})).differences
    assert str(difference) == "m name: 'VARCHAR' | 'missing'"
    turned = {name: TYPES[name] for name in ("id", "name", "value")}
    (difference,) = _compare(_relation(), _relation(columns=turned)).differences
    assert difference.column == "order of columns"


def test_rows_that_share_a_key_are_all_compared() -> None:
    rows = ((1, 1.0, "a"), (1, 2.0, "a"), (1, 3.0, "a"))
    assert _compare(_relation(*rows), _relation(*reversed(rows))).equal
    assert not _compare(_relation(*rows), _relation(*rows[:2])).equal
    assert not _compare(_relation(*rows), _relation(rows[0], rows[1], (1, 4.0, "a"))).equal


def test_without_a_key_rows_are_compared_whole() -> None:
    rows = ((1, 1.0, "a"), (1, 1.0, "a"), (2, None, "b"))
    assert _compare(_relation(*rows), _relation(*reversed(rows)), key=()).equal
    compared = _compare(_relation(*rows), _relation(rows[0], rows[2], rows[2]), key=())
    assert len(compared.differences) == 2


def test_a_declared_difference_is_none() -> None:
    compared = _compare(_relation((1, 1.0, "a")), _relation((1, 1.0, "b")), name="made at another time")
    assert compared.equal
    assert compared.closed == []


def test_a_declared_difference_that_closed_is_an_error() -> None:
    same = _relation((1, 1.0, "a"))
    compared = _compare(same, same, name="made at another time")
    assert compared.differences == []
    assert compared.closed == ["name"]
    assert not compared.equal
    assert "name no longer differs (made at another time): remove its declaration" in compared.text()
    assert compared.document()["closed"] == ["name"]


def test_only_the_first_differences_are_told() -> None:
    left = _relation(*((number, 1.0, "a") for number in range(9)))
    right = _relation(*((number, 2.0, "a") for number in range(9)))
    lines = _compare(left, right).text().splitlines()
    assert lines[0].endswith("9 differences")
    assert len(lines) == 7
    assert lines[-1] == "  and 4 more"


def test_the_grain_comes_from_uniqueness_tests() -> None:
    def unique(node: Node, **config: Any) -> Node:
        return data_test(
            f"u_{node.name}", "select 1", reads=[], config=TestConfig(attached_node=node.unique_id, **config)
        )

    pair, single, neither = (
        model("pair", "select 1"),
        model("single", "select 1"),
        model("neither", "select 1"),
    )
    nodes = [
        single,
        pair,
        neither,
        unique(pair, kind="unique_combination", arguments={"columns": ["x", "y"]}),
        unique(single, kind="unique", column_name="x"),
        unique(neither, kind="not_null", column_name="x"),
    ]
    compiled = Manifest(project_name="tiny", dbt_version="1", nodes={node.unique_id: node for node in nodes})
    assert [node.name for node in relations(compiled)] == ["neither", "pair", "single"]
    assert grain(compiled, pair) == ("x", "y")
    assert grain(compiled, single) == ("x",)
    assert grain(compiled, neither) == ()
