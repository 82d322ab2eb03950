"""The graph, its YAML definitions, the bundle's terms and the drawings."""

from __future__ import annotations

import pytest

from tests.support.run_copies import Case, RunCopy
from transforms.synth.corruptions.artifacts import (
    AGGREGATE_NODE,
    BUNDLE,
    DRAWING,
    EDGE_YAML,
    GRAPH,
    MONTHLY_NODE,
    NODE_GROUPS,
    NODE_YAML,
)
from transforms.synth.corruptions.edit import Edit, Json, RunEditor, edit_document, replace

SVG = "graphviz/graphviz_condensed.svg"
YAML = frozenset({"QC511"})
"""Where the graph itself is wrong, its definitions differ as well."""


def node(position: int, **members: object) -> Edit:
    """Set members of a node of the graph."""
    return edit_document(GRAPH, lambda document: document["nodes"][position].update(members))


def edge(position: int, **members: object) -> Edit:
    """Set members of an edge of the graph."""
    return edit_document(GRAPH, lambda document: document["edges"][position].update(members))


def move(source: str, target: str) -> Edit:
    """Move a file."""
    return lambda run: run.move(source, target)


def draw_svg(run: RunEditor) -> None:
    run.write(SVG, b"<svg><title>insight_graph</title></svg>")


CASES = (
    Case(
        "QC511",
        "folder",
        move(NODE_YAML, NODE_YAML.replace("facility_base", "facility_other")),
        NODE_YAML.replace("facility_base", "facility_other"),
    ),
    Case(
        "QC511",
        "file name",
        move(NODE_YAML, NODE_YAML.replace(AGGREGATE_NODE, "x__y__z")),
        NODE_YAML.replace(AGGREGATE_NODE, "x__y__z"),
        None,
        "/id",
    ),
    Case(
        "QC512", "metric", node(0, metric_id="encounters"), GRAPH, None, "/nodes/0/id", also=YAML | {"QC531"}
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
    Case("QC519", "none", node(0, graph_entry_point=False), GRAPH, None, "/nodes", also=YAML),
    Case(
        "QC521",
        "missing",
        lambda run: run.replace(NODE_GROUPS, f"  - {MONTHLY_NODE}\n".encode(), b""),
        NODE_GROUPS,
    ),
    Case(
        "QC522",
        "comparison group",
        replace(NODE_YAML, b"comparison_group: ", b"comparison_group: x"),
        NODE_YAML,
        None,
        "/comparison_group",
    ),
    Case(
        "QC522",
        "method set",
        replace(NODE_YAML, b"metric_method_set: ", b"metric_method_set: x"),
        NODE_YAML,
        None,
        "/metric_method_set",
    ),
    Case("QC523", "type", replace(DRAWING, b'xlabel="trends_to"', b'xlabel="segments_into"'), DRAWING),
    Case("QC523", "svg", draw_svg, SVG),
    Case(
        "QC524",
        "edge",
        edit_document(GRAPH, lambda document: document["edges"].append(document["edges"][1])),
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
        DRAWING,
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


def test_members_of_conditions_that_no_one_knows_are_nobodys_business(run: RunCopy) -> None:
    def change(document: Json) -> None:
        for item in document["edges"]:
            for condition in item["conditions"]:
                condition["note"] = "x"
                del condition["operator"]

    run.edit(GRAPH, change)
    for path in run.path.glob("edges/*/base/*/*.yaml"):
        path.write_text(path.read_text().replace("  operator: equals\n", "  note: x\n"))
    assert run.findings() == []
