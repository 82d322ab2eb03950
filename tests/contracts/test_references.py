"""Documents, headers and entities of a run that refer to each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.run_copies import (
    FACETED_AGGREGATE,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    SUMMARY,
    Case,
    Json,
    RunCopy,
)

MANIFEST = "run_manifest.json"
SEMANTIC = "run_manifest.semantic.json"
INDEX = "results/index.json"
BUNDLE = "metadata_bundle.json"
OTHER_RUN = "20250101000000"
GONE = object()


def field(relative: str, path: str, value: object) -> Callable[[RunCopy], None]:
    """Set the member at a JSON pointer of a document; GONE removes it."""

    def change(document: Any) -> None:
        *steps, last = path.strip("/").split("/")
        for step in steps:
            document = document[int(step) if isinstance(document, list) else step]
        if value is GONE:
            del document[last]
        else:
            document[last] = value

    return lambda run: run.edit(relative, change)


def line(relative: str, number: int, change: Callable[[Json], Any]) -> Callable[[RunCopy], None]:
    """Change the object on a line."""
    return lambda run: run.edit_line(relative, number, change)


def swap_lines(run: RunCopy) -> None:
    run.edit_lines(FACILITY_AGGREGATE, lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]])


def first_method(item: Json) -> Json:
    method: Json = item["statistical_methods"][0]
    return method


def set_status(item: Json) -> None:
    first_method(item)["runtime"]["status"] = "warning"


def set_rule(item: Json) -> None:
    first_method(item)["anomalies"][0]["methods"][0]["anomaly_method"] = "anomaly_method__other"


CASES = (
    Case("QC501", "manifest", field(MANIFEST, "/run_id", OTHER_RUN), MANIFEST, None, "/run_id"),
    Case("QC501", "index", field(INDEX, "/run_id", OTHER_RUN), INDEX, None, "/run_id"),
    Case("QC501", "none", field(SEMANTIC, "/run_id", GONE), SEMANTIC, None, "/run_id"),
    Case(
        "QC501",
        "summary row",
        lambda run: run.edit_lines(
            SUMMARY,
            lambda lines: [
                *lines[:3],
                lines[3].replace(b"20260301070000", OTHER_RUN.encode(), 1),
                *lines[4:],
            ],
        ),
        SUMMARY,
        4,
    ),
    Case("QC502", "graph name", field(SEMANTIC, "/graph_name", "other"), SEMANTIC, None, "/graph_name"),
    Case(
        "QC504",
        "instant",
        field(INDEX, "/created_at", "2026-03-01T07:00:59+00:00"),
        INDEX,
        None,
        "/created_at",
    ),
    Case(
        "QC505",
        "nodes",
        field(MANIFEST, "/nodes_directory", "/data/runs/x/nodes"),
        MANIFEST,
        None,
        "/nodes_directory",
    ),
    Case(
        "QC505",
        "analysis",
        field("analysis/classification/manifest.json", "/run_dir", "/data/runs/x"),
        "analysis/classification/manifest.json",
    ),
    Case(
        "QC506",
        "differs",
        field(BUNDLE, "/taxonomy_hash", "0123456789abcdef"),
        SEMANTIC,
        None,
        "/taxonomy_hash",
    ),
    Case("QC506", "no hash", field(BUNDLE, "/taxonomy_hash", "unknown"), BUNDLE, None, "/taxonomy_hash"),
    Case("QC507", "version", field(BUNDLE, "/version", "2.0.0"), SEMANTIC, None, "/metadata_bundle_version"),
    Case("QC531", "node_id", field(INDEX, "/nodes/1/node_id", "x"), INDEX, None, "/nodes/1/node_id"),
    Case(
        "QC531",
        "metric",
        field(INDEX, "/nodes/1/metric_id", "encounters"),
        INDEX,
        None,
        "/nodes/1/metric_id",
        also=frozenset({"QC534"}),
    ),
    Case(
        "QC532",
        "no context",
        field(INDEX, "/nodes/1/summary/temporal_context", GONE),
        INDEX,
        None,
        "/nodes/1/summary/temporal_context",
        also=frozenset({"QC534"}),
    ),
    Case(
        "QC532",
        "months",
        field(INDEX, "/nodes/1/summary/temporal_context/period_count", 11),
        INDEX,
        None,
        "/nodes/1/summary/temporal_context/period_count",
        also=frozenset({"QC534"}),
    ),
    Case(
        "QC532",
        "no month",
        field(INDEX, "/nodes/1/summary/temporal_context/end_period", "202513"),
        INDEX,
        None,
        "/nodes/1/summary/temporal_context/period_count",
        also=frozenset({"QC534"}),
    ),
    Case(
        "QC533",
        "index",
        lambda run: run.edit(INDEX, lambda index: index["nodes"][0]["statistical_methods"].reverse()),
        INDEX,
        None,
        "/nodes/0/statistical_methods",
    ),
    Case(
        "QC533",
        "entity",
        line(FACILITY_AGGREGATE, 4, lambda item: item["statistical_methods"].reverse()),
        FACILITY_AGGREGATE,
        4,
        "/statistical_methods",
    ),
    Case(
        "QC533",
        "entity lacks one",
        line(
            FACILITY_MONTHLY, 4, lambda item: item.update(statistical_methods=item["statistical_methods"][1:])
        ),
        FACILITY_MONTHLY,
        4,
    ),
    Case(
        "QC534",
        "dataset",
        line(FACILITY_AGGREGATE, 1, lambda item: item.update(dataset_path="/data/other.csv")),
        FACILITY_AGGREGATE,
        1,
        "/dataset_path",
    ),
    Case(
        "QC534",
        "summary",
        line(FACILITY_AGGREGATE, 1, lambda item: item["summary"]["entity_scope"].update(display_name="X")),
        FACILITY_AGGREGATE,
        1,
        "/summary",
    ),
    Case(
        "QC534",
        "other node",
        line(FACILITY_AGGREGATE, 1, lambda item: item.update(canonical_node_id="x")),
        FACILITY_AGGREGATE,
        1,
        "/canonical_node_id",
        also=frozenset({"QC536"}),
    ),
    Case(
        "QC535",
        "line gone",
        lambda run: run.edit_lines(FACILITY_AGGREGATE, lambda lines: lines[:-1]),
        FACILITY_AGGREGATE,
        1,
        "/entity_results_count",
        also=frozenset({"QC542"}),
    ),
    Case(
        "QC536",
        "type",
        line(
            FACILITY_AGGREGATE,
            1,
            lambda item: item["canonical_child_node_ids"][0].update(edge_type="explains"),
        ),
        FACILITY_AGGREGATE,
        1,
        "/canonical_child_node_ids",
    ),
    Case(
        "QC536",
        "parent gone",
        line(FACILITY_MONTHLY, 1, lambda item: item["canonical_parent_node_ids"].clear()),
        FACILITY_MONTHLY,
        1,
        "/canonical_parent_node_ids",
    ),
    Case(
        "QC537",
        "order",
        line(FACETED_AGGREGATE, 3, lambda item: item["entity"].reverse()),
        FACETED_AGGREGATE,
        3,
        "/entity",
    ),
    Case(
        "QC537",
        "field",
        line(FACILITY_AGGREGATE, 3, lambda item: item["entity"][0].update(dataset_field="ccn")),
        FACILITY_AGGREGATE,
        3,
        says="ccn",
    ),
    Case(
        "QC537",
        "dimension too many",
        line(
            FACILITY_AGGREGATE,
            3,
            lambda item: item["entity"].append({"id": "payerSegment", "value": "Medicare"}),
        ),
        FACILITY_AGGREGATE,
        3,
        also=frozenset({"QC542", "QC409", "QC607"}),
    ),
    Case(
        "QC539",
        "metric",
        line(
            FACILITY_AGGREGATE, 3, lambda item: item["metric"][0]["metadata"].update(metric_id="encounters")
        ),
        FACILITY_AGGREGATE,
        3,
    ),
    Case("QC540", "rule", line(FACILITY_AGGREGATE, 3, set_rule), FACILITY_AGGREGATE, 3, says="other"),
    Case("QC541", "status", line(FACILITY_AGGREGATE, 3, set_status), FACILITY_AGGREGATE, 3, says="warning"),
    Case(
        "QC542",
        "name",
        line(FACILITY_AGGREGATE, 3, lambda item: item["metadata"].update(facility="OTHER")),
        FACILITY_AGGREGATE,
        3,
        "/metadata/facility",
        says="OTHER",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def rename(run: RunCopy, name: str) -> RunCopy:
    """The run under another folder name."""
    target = run.path.with_name(name)
    run.path.rename(target)
    return RunCopy(target)


def test_a_copy_under_another_name_is_a_warning(run: RunCopy) -> None:
    [finding] = rename(run, "copy-of-run").findings()
    assert (finding.code, finding.severity.value) == ("QC503", "warning")


def test_a_folder_named_after_another_run_is_an_error(run: RunCopy) -> None:
    [finding] = rename(run, OTHER_RUN).findings()
    assert (finding.code, finding.expected, finding.actual) == ("QC501", "20260301070000", OTHER_RUN)


def test_a_run_id_must_be_a_time(run: RunCopy) -> None:
    for path in run.path.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl", ".csv"):
            path.write_bytes(path.read_bytes().replace(b"20260301070000", b"20261301070000"))
    findings = rename(run, "20261301070000").findings()
    assert {finding.code for finding in findings} == {"QC508"}


def test_shuffled_entities_are_a_note_only(run: RunCopy) -> None:
    swap_lines(run)
    assert run.findings() == []


def test_legacy_documents_are_read_alike(run: RunCopy, valid_run: Any, tmp_path: Any) -> None:
    """One JSON document a node, entities inside; what older engines left out is not missed."""
    expected = run.stage().frames["raw_entity_results"]["entity_key"].sort()
    for path in sorted(run.file("results/nodes").glob("*.jsonl")):
        header, *entities = (json.loads(text) for text in path.read_text().splitlines())
        for name in ("type", "dataset_path", "canonical_parent_node_ids", "summary"):
            header.pop(name, None)
        path.with_suffix(".json").write_text(json.dumps(header | {"entity_results": entities}))
        path.unlink()
    index = json.loads(run.read(INDEX))
    for node in index["nodes"]:
        node["result_path"] = node["result_path"].removesuffix("l")
    run.write(INDEX, json.dumps(index).encode())
    assert run.findings() == []
    assert run.stage().frames["raw_entity_results"]["entity_key"].sort().equals(expected)


def test_reference_runs_have_no_errors(shared_folder: Any, tmp_path: Any) -> None:
    runs = [*shared_folder.glob("runs/*/*"), *shared_folder.glob("runs_generated/*/*")]
    assert runs
    for path in runs:
        errors = [finding for finding in RunCopy(path).findings() if finding.severity.value == "error"]
        assert errors == [], path


def test_incomplete_runs_name_each_missing_file_once(shared_folder: Any) -> None:
    for path in shared_folder.glob("runs_incomplete/*/*"):
        findings = [finding for finding in RunCopy(path).findings() if finding.severity.value == "error"]
        codes = [finding.code for finding in findings]
        assert sorted(codes) == ["QC102"] * 4 + ["QC104"] + ["QC105"] * 3
        assert len({(finding.file, finding.json_path) for finding in findings}) == len(findings)
