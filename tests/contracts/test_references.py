"""Documents, headers and entities of a run that refer to each other."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.run_copies import Case, RunCopy
from transforms.synth.corruptions.artifacts import (
    BUNDLE,
    CLASSIFICATION_INDEX,
    CLASSIFICATION_MANIFEST,
    CONTRIBUTION_INDEX,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    MANIFEST,
    NODE_YAML,
    SEMANTIC_MANIFEST,
    SUMMARY,
)
from transforms.synth.corruptions.artifacts import RESULTS_INDEX as INDEX
from transforms.synth.corruptions.edit import in_line
from transforms.synth.corruptions.references import GONE, OTHER_RUN, rename_folder, set_field


def without_methods(lines: list[bytes]) -> list[bytes]:
    """A node file whose entities have no statistics."""
    header, *entities = lines
    return [header, *(json.dumps(json.loads(line) | NO_METHODS).encode() + b"\n" for line in entities)]


NO_METHODS: dict[str, Any] = {"statistical_methods": []}

CASES = (
    Case(
        "QC301",
        "manifest",
        lambda run: run.edit(
            MANIFEST, lambda document: {name: document[name] for name in ("run_id", "run_label")}
        ),
        MANIFEST,
        says="started_at",
    ),
    *(
        Case(
            "QC301",
            f"run id in {file}",
            lambda run, file=file, value=value: run.edit(  # type: ignore[misc]
                file, lambda document: {**document, "run_id": value}
            ),
            file,
            None,
            "/run_id",
        )
        for file, value in (
            (CLASSIFICATION_INDEX, 7),
            (CLASSIFICATION_MANIFEST, ["20260301070000"]),
            (CONTRIBUTION_INDEX, 7),
            (SEMANTIC_MANIFEST, 7),
        )
    ),
    Case("QC501", "index", set_field(INDEX, "/run_id", OTHER_RUN), INDEX, None, "/run_id"),
    Case("QC501", "none", set_field(SEMANTIC_MANIFEST, "/run_id", GONE), SEMANTIC_MANIFEST, None, "/run_id"),
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
    Case(
        "QC505",
        "analysis",
        set_field(CLASSIFICATION_MANIFEST, "/run_dir", "/data/runs/x"),
        CLASSIFICATION_MANIFEST,
    ),
    Case("QC506", "no hash", set_field(BUNDLE, "/taxonomy_hash", "unknown"), BUNDLE, None, "/taxonomy_hash"),
    Case(
        "QC531",
        "metric",
        set_field(INDEX, "/nodes/1/metric_id", "encounters"),
        INDEX,
        None,
        "/nodes/1/metric_id",
        also=frozenset({"QC534"}),
    ),
    Case(
        "QC532",
        "no context",
        set_field(INDEX, "/nodes/1/summary/temporal_context", GONE),
        INDEX,
        None,
        "/nodes/1/summary/temporal_context",
        also=frozenset({"QC534"}),
    ),
    Case(
        "QC532",
        "no month",
        set_field(INDEX, "/nodes/1/summary/temporal_context/end_period", "202513"),
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
        "entity lacks one",
        in_line(
            FACILITY_MONTHLY, 4, lambda item: item.update(statistical_methods=item["statistical_methods"][1:])
        ),
        FACILITY_MONTHLY,
        4,
    ),
    Case(
        "QC533",
        "index lists none",
        set_field(INDEX, "/nodes/0/statistical_methods", GONE),
        INDEX,
        None,
        "/nodes/0/statistical_methods",
        says="none",
    ),
    Case(
        "QC533",
        "definition lists none",
        lambda run: run.write(
            NODE_YAML, re.sub(rb"(?ms)^multi_method_contract:.*?^(?=\w)", b"", run.read(NODE_YAML))
        ),
        NODE_YAML,
        None,
        "/multi_method_contract/methods",
    ),
    Case(
        "QC533",
        "header lists none",
        in_line(FACILITY_MONTHLY, 1, lambda item: item.pop("statistical_methods")),
        FACILITY_MONTHLY,
        1,
        "/statistical_methods",
    ),
    Case(
        "QC533",
        "entity without methods",
        in_line(FACILITY_AGGREGATE, 4, lambda item: item.pop("statistical_methods")),
        FACILITY_AGGREGATE,
        4,
        "/statistical_methods",
    ),
    Case(
        "QC533",
        "entities without methods",
        lambda run: run.edit_lines(FACILITY_MONTHLY, without_methods),
        FACILITY_MONTHLY,
        2,
        "/statistical_methods",
        says="also line 3, 4, 5",
    ),
    Case(
        "QC540",
        "entity without labels",
        in_line(
            FACILITY_MONTHLY,
            4,
            lambda item: [method["anomalies"].clear() for method in item["statistical_methods"]],
        ),
        FACILITY_MONTHLY,
        4,
        "/statistical_methods",
        says="nothing more",
    ),
    Case(
        "QC541",
        "issues of a method that is ok",
        in_line(
            FACILITY_AGGREGATE,
            4,
            lambda item: item["statistical_methods"][0]["runtime"]["issues"].append({"code": "X"}),
        ),
        FACILITY_AGGREGATE,
        4,
        "/statistical_methods",
        says="issues",
    ),
    Case(
        "QC541",
        "highest severity of a method that is ok",
        in_line(
            FACILITY_AGGREGATE,
            4,
            lambda item: item["statistical_methods"][1]["runtime"]["summary"].update(
                has_issues=True, highest_severity="error"
            ),
        ),
        FACILITY_AGGREGATE,
        4,
        "/statistical_methods",
        says="error for robust_zscore",
    ),
    Case(
        "QC534",
        "summary",
        in_line(FACILITY_AGGREGATE, 1, lambda item: item["summary"]["entity_scope"].update(display_name="X")),
        FACILITY_AGGREGATE,
        1,
        "/summary",
    ),
    Case(
        "QC534",
        "other node",
        in_line(FACILITY_AGGREGATE, 1, lambda item: item.update(canonical_node_id="x")),
        FACILITY_AGGREGATE,
        1,
        "/canonical_node_id",
        also=frozenset({"QC536"}),
    ),
    Case(
        "QC536",
        "type",
        in_line(
            FACILITY_AGGREGATE,
            1,
            lambda item: item["canonical_child_node_ids"][0].update(edge_type="explains"),
        ),
        FACILITY_AGGREGATE,
        1,
        "/canonical_child_node_ids",
    ),
    Case(
        "QC537",
        "field",
        in_line(FACILITY_AGGREGATE, 3, lambda item: item["entity"][0].update(dataset_field="ccn")),
        FACILITY_AGGREGATE,
        3,
        says="ccn",
    ),
    Case(
        "QC537",
        "dimension too many",
        in_line(
            FACILITY_AGGREGATE,
            3,
            lambda item: item["entity"].append({"id": "payerSegment", "value": "Medicare"}),
        ),
        FACILITY_AGGREGATE,
        3,
        also=frozenset({"QC542", "QC409", "QC607"}),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def test_a_folder_named_after_another_run_is_an_error(run: RunCopy) -> None:
    rename_folder(run, OTHER_RUN)
    [finding] = run.findings()
    assert (finding.code, finding.expected, finding.actual) == ("QC501", "20260301070000", OTHER_RUN)


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
