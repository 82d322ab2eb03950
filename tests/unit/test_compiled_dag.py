"""The graph of a manifest, and what selectors choose of it."""

from __future__ import annotations

from graphlib import CycleError
from pathlib import Path

import pytest

from tests.support.manifests import data_test, manifest, model
from transforms.compiled.dag import Dag
from transforms.compiled.errors import SelectionError
from transforms.compiled.manifest import Manifest
from transforms.compiled.selection import select


@pytest.fixture
def graph(tmp_path: Path) -> Manifest:
    """``a -> b -> d``, ``c -> d``, a test on each of a and b, and one on a and c."""
    return manifest(
        [
            model("a", "select 1", tags=["root"]),
            model("b", "select 1", reads=["a"]),
            model("c", "select 1", tags=["root", "odd"]),
            model("d", "select 1", reads=["b", "c", "source.tiny.raw.t"]),
            data_test("on_a", "select 1", reads=["a"]),
            data_test("on_b", "select 1", reads=["b"]),
            data_test("on_a_and_c", "select 1", reads=["a", "c"]),
        ],
        tmp_path,
    )


def names(ids: frozenset[str]) -> set[str]:
    return {unique_id.rsplit(".", 1)[-1] for unique_id in ids}


def test_layers_put_every_node_after_what_it_reads(graph: Manifest) -> None:
    layers = [names(frozenset(layer)) for layer in Dag(graph).layers]
    assert layers == [{"a", "c"}, {"b", "on_a", "on_a_and_c"}, {"d", "on_b"}]


def test_order_is_the_same_however_the_manifest_is_ordered(graph: Manifest, tmp_path: Path) -> None:
    backwards = manifest(reversed(graph.nodes.values()), tmp_path)
    assert Dag(backwards).order == Dag(graph).order


def test_a_cycle_is_refused(tmp_path: Path) -> None:
    circle = manifest([model("a", "select 1", reads=["b"]), model("b", "select 1", reads=["a"])], tmp_path)
    with pytest.raises(CycleError):
        _ = Dag(circle).order


def test_a_model_waits_for_the_tests_of_what_it_reads(graph: Manifest) -> None:
    blockers = {
        name: names(waits)
        for unique_id, waits in Dag(graph).blockers(graph.nodes).items()
        for name in names(frozenset({unique_id}))
    }
    assert blockers["b"] == {"a", "on_a"}
    assert blockers["d"] == {"a", "b", "c", "on_a", "on_b", "on_a_and_c"}
    assert blockers["on_b"] == {"a", "b"}, "a test waits for its models, not for other tests"


def test_blockers_reach_across_nodes_that_are_not_selected(graph: Manifest) -> None:
    blockers = Dag(graph).blockers({"model.tiny.a", "model.tiny.d"})
    assert blockers["model.tiny.d"] == {"model.tiny.a"}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), (), {"a", "b", "c", "d", "on_a", "on_b", "on_a_and_c"}),
        (("b",), (), {"b", "on_b"}),
        (("+b",), (), {"a", "b", "on_a", "on_b", "on_a_and_c"}),
        (("a+",), ("resource_type:test",), {"a", "b", "d"}),
        (("1+d",), ("resource_type:test",), {"b", "c", "d"}),
        (("a+1",), ("resource_type:test",), {"a", "b"}),
        (("+b+",), ("resource_type:test",), {"a", "b", "d"}),
        (("tag:root",), ("resource_type:test",), {"a", "c"}),
        (("tag:root,tag:odd",), ("resource_type:test",), {"c"}),
        (("a d",), ("resource_type:test",), {"a", "d"}),
        (("a", "d"), ("tag:root", "resource_type:test"), {"d"}),
        (("on_*",), (), {"on_a", "on_b", "on_a_and_c"}),
    ],
)
def test_selectors(
    graph: Manifest, include: tuple[str, ...], exclude: tuple[str, ...], expected: set[str]
) -> None:
    assert names(select(graph, Dag(graph), include, exclude)) == expected


@pytest.mark.parametrize("selector", ["nothing", "tag:nothing", "colour:red", "a++b", "models/a.sql:"])
def test_a_selector_that_names_nothing_is_an_error(graph: Manifest, selector: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select(graph, Dag(graph), (selector,))
    assert selector in caught.value.message
    assert caught.value.exit_code == 2
