"""The graph, its YAML definitions, the bundle's terms and the drawings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.run_copies import Case, RunCopy

GRAPH = "graph.json"
BUNDLE = "metadata_bundle.json"
DOT = "graphviz/graphviz_condensed.dot"
SVG = "graphviz/graphviz_condensed.svg"
AGGREGATE = "losIndex__medicareId__aggregate_time_period"
MONTHLY = "losIndex__medicareId__dischargeMonth"
NODE_YAML = f"nodes/losIndex/base/facility_base/{AGGREGATE}.yaml"
EDGE_YAML = f"edges/losIndex/base/facility_base/{AGGREGATE}__to__{MONTHLY}.yaml"
MANIFEST_YAML = "nodes/losIndex/manifests/base.yaml"

YAML = frozenset({"QC511"})
EDGE = frozenset({"QC513", "QC523"})
"""Where the graph itself is wrong, its definitions and its drawing differ as well."""
HEADERS = frozenset({"QC536"})


def graph(change: Callable[[Any], Any]) -> Callable[[RunCopy], None]:
    """Change graph.json in place."""

    def apply(document: Any) -> None:
        change(document)

    return lambda run: run.edit(GRAPH, apply)


def node(position: int, **members: object) -> Callable[[RunCopy], None]:
    """Set members of a node of the graph."""
    return graph(lambda document: document["nodes"][position].update(members))


def edge(position: int, **members: object) -> Callable[[RunCopy], None]:
    """Set members of an edge of the graph."""
    return graph(lambda document: document["edges"][position].update(members))


def replace(relative: str, old: bytes, new: bytes) -> Callable[[RunCopy], None]:
    """Replace bytes of a file."""
    return lambda run: run.replace(relative, old, new)


def move(source: str, target: str) -> Callable[[RunCopy], None]:
    """Move a file."""

    def apply(run: RunCopy) -> None:
        run.write(target, run.read(source))
        run.file(source).unlink()

    return apply


def both_grouped_wrong(run: RunCopy) -> None:
    """Graph and definition agree on a set that the bundle does not have."""
    run.replace(NODE_YAML, b"comparison_group: peer_cohort", b"comparison_group: other_hospitals")


def draw_svg(run: RunCopy) -> None:
    run.write(SVG, b"<svg><title>insight_graph</title></svg>")


CASES = (
    Case(
        "QC511",
        "description",
        replace(NODE_YAML, b"description: ", b"description: not "),
        NODE_YAML,
        None,
        "/description",
    ),
    Case(
        "QC511",
        "folder",
        move(NODE_YAML, NODE_YAML.replace("facility_base", "facility_other")),
        NODE_YAML.replace("facility_base", "facility_other"),
    ),
    Case(
        "QC511",
        "file name",
        move(NODE_YAML, NODE_YAML.replace(AGGREGATE, "x__y__z")),
        NODE_YAML.replace(AGGREGATE, "x__y__z"),
        None,
        "/id",
    ),
    Case("QC512", "name", node(0, name="x"), GRAPH, None, "/nodes/0/name"),
    Case(
        "QC512", "metric", node(0, metric_id="encounters"), GRAPH, None, "/nodes/0/id", also=YAML | {"QC531"}
    ),
    Case(
        "QC513",
        "rationale",
        replace(EDGE_YAML, b"rationale: ", b"rationale: not "),
        EDGE_YAML,
        None,
        "/rationale",
    ),
    Case(
        "QC513", "conditions", replace(EDGE_YAML, b"{{medicareId}}", b"{{x}}"), EDGE_YAML, None, "/conditions"
    ),
    Case("QC513", "id", edge(0, id="x"), GRAPH, None, "/edges/0/id", also=frozenset({"QC521"})),
    Case(
        "QC513",
        "folder",
        move(EDGE_YAML, EDGE_YAML.replace("facility_base", "facility_other")),
        EDGE_YAML.replace("facility_base", "facility_other"),
    ),
    Case("QC514", "target", edge(1, target="nowhere"), GRAPH, None, "/edges/1/target", also=EDGE | HEADERS),
    Case("QC515", "type", edge(1, type="rhymes_with"), GRAPH, None, "/edges/1/type", also=EDGE | HEADERS),
    Case(
        "QC516", "grain", edge(1, type="trends_to"), GRAPH, None, "/edges/1", also=EDGE | HEADERS | {"QC518"}
    ),
    Case(
        "QC517",
        "shape",
        edge(0, type="segments_into"),
        GRAPH,
        None,
        "/edges/0",
        also=EDGE | HEADERS | {"QC518"},
    ),
    Case(
        "QC518",
        "no parent",
        graph(lambda document: document["edges"].pop(0)),
        GRAPH,
        None,
        "/nodes/1",
        also=EDGE | HEADERS | {"QC108", "QC521"},
    ),
    Case("QC519", "two", node(1, graph_entry_point=True), GRAPH, None, "/nodes", also=YAML),
    Case("QC519", "none", node(0, graph_entry_point=False), GRAPH, None, "/nodes", also=YAML),
    Case("QC520", "conditions", edge(1, conditions=[]), GRAPH, None, "/edges/1/conditions", also=EDGE),
    Case(
        "QC521",
        "twice",
        lambda run: run.replace(MANIFEST_YAML, b"  nodes:\n", f"  nodes:\n  - {MONTHLY}\n".encode()),
        MANIFEST_YAML,
    ),
    Case(
        "QC521",
        "missing",
        lambda run: run.replace(MANIFEST_YAML, f"  - {MONTHLY}\n".encode(), b""),
        MANIFEST_YAML,
    ),
    Case(
        "QC522",
        "comparison group",
        replace(NODE_YAML, b"comparison_group: ", b"comparison_group: x"),
        NODE_YAML,
        None,
        "/comparison_group",
    ),
    Case("QC522", "tag", replace(NODE_YAML, b"tags:\n- ", b"tags:\n- x"), NODE_YAML, None, "/tags"),
    Case(
        "QC522",
        "method set",
        replace(NODE_YAML, b"metric_method_set: ", b"metric_method_set: x"),
        NODE_YAML,
        None,
        "/metric_method_set",
    ),
    Case("QC523", "node", replace(DOT, f'"{MONTHLY}" ['.encode(), b'"x" ['), DOT),
    Case("QC523", "type", replace(DOT, b'xlabel="trends_to"', b'xlabel="segments_into"'), DOT),
    Case("QC523", "svg", draw_svg, SVG),
    Case(
        "QC524",
        "node",
        graph(lambda document: document["nodes"].append(document["nodes"][1])),
        GRAPH,
        None,
        "/nodes",
        also=frozenset({"QC108"}),
    ),
    Case(
        "QC524",
        "edge",
        graph(lambda document: document["edges"].append(document["edges"][1])),
        GRAPH,
        None,
        "/edges",
        also=frozenset({"QC108", "QC305"}),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def test_edge_types_are_those_of_the_own_bundle(run: RunCopy) -> None:
    """Engines rename types: a run that lists what it uses is right."""
    for relative in (
        GRAPH,
        BUNDLE,
        DOT,
        *(str(p.relative_to(run.path)) for p in run.path.glob("edges/*/base/*/*")),
    ):
        content = run.read(relative)
        run.write(relative, content.replace(b"potentially_driven_by", b"potential_driver_of"))
    for path in run.path.glob("results/nodes/*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b"potentially_driven_by", b"potential_driver_of"))
    assert run.findings() == []


def test_a_run_without_graph_is_judged_by_the_rest(run: RunCopy) -> None:
    run.file(GRAPH).unlink()
    assert [finding.code for finding in run.findings()] == ["QC101"]
