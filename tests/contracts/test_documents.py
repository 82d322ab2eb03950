"""Modeling, narratives, the bundle's vocabulary, timestamps and validation reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts.rules.documents.timestamps import parse_instant
from tests.support.run_copies import CLASSIFICATIONS, SUMMARY, Case, RunCopy

BUNDLE = "metadata_bundle.json"
EXPERIMENTS = "modeling/experiments.json"
SHAP = "modeling/ridge_global_shap.csv"
REPORT = "validation_report.json"
ANALYTICS_REPORT = "validation_analytics_report.json"


def edit(relative: str, change: Callable[[Any], Any]) -> Callable[[RunCopy], None]:
    """Change a document in place."""

    def apply(document: Any) -> None:
        change(document)

    return lambda run: run.edit(relative, apply)


def narrative(old: bytes, new: bytes) -> Callable[[RunCopy], None]:
    """Replace bytes of the first narrative."""
    return lambda run: run.replace("analysis/narrative/contribution_020475.md", old, new)


NARRATIVE = "analysis/narrative/contribution_020475.md"


def double_mean(run: RunCopy) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        feature, mean_abs, _, count = lines[3].strip().split(b",")
        lines[3] = b",".join((feature, mean_abs, b"-" + str(2 * float(mean_abs)).encode(), count)) + b"\n"
        return lines

    run.edit_lines(SHAP, change)


def repeat_identifier(bundle: Any) -> None:
    values = next(
        item["allowed_values"] for item in bundle["group_by_types"] if len(item["allowed_values"]) > 1
    )
    values[0]["identifier"] = values[1]["identifier"]


def reports(**changes: Any) -> Callable[[RunCopy], None]:
    """Write both validation reports as an engine would, less the given changes."""

    def apply(run: RunCopy) -> None:
        rows = [json.loads(text) for text in run.read(CLASSIFICATIONS).splitlines()]
        missing = {
            "simple_zscore": sum(row["suppressed"] for row in rows),
            "slope_percentile": sum(row["inputs"]["slope_percentile"] is None for row in rows),
        }
        missing |= changes.get("suppressed", {})
        findings = [
            {
                "severity": "warning",
                "code": "ED005",
                "message": "suppressed record without a reason",
                "details": {"statistical_method": f"statistical_method__{method}__x", "entity": [number]},
            }
            for method, count in missing.items()
            for number in range(count)
        ]
        layer = {"layer_id": "5_extended_dimensions", "status": "warn", "findings": findings}
        summary = {
            "total_layers": 1,
            "passed": 0,
            "failed": 0,
            "warnings": 1,
            "total_findings": len(findings),
            "total_errors": 0,
        } | changes.get("summary", {})
        times = {
            REPORT: "2026-03-01T07:00:30.000000+00:00",
            ANALYTICS_REPORT: "2026-03-01T09:00:00.000000+00:00",
        }
        for file, time in times.items():
            report = {"timestamp": time, "layers": {"5_extended_dimensions": dict(layer)}, "summary": summary}
            if file == ANALYTICS_REPORT:
                report |= changes.get("analytics", {})
            run.write(file, json.dumps(report).encode())

    return apply


CASES = (
    Case(
        "QC901",
        "order",
        edit(EXPERIMENTS, lambda items: items[1]["metrics"].update(mae=9.0)),
        EXPERIMENTS,
        None,
        "/1/metrics/mae",
    ),
    Case(
        "QC901",
        "original scale",
        edit(EXPERIMENTS, lambda items: items[0]["metrics"].update(mae_original=9.0)),
        EXPERIMENTS,
        None,
        "/0/metrics/mae_original",
    ),
    Case(
        "QC902",
        "fraction",
        edit(EXPERIMENTS, lambda items: items[0]["metrics"].update(capped_pred_original_fraction=1.2)),
        EXPERIMENTS,
        None,
        "/0/metrics/capped_pred_original_fraction",
        says="1.2",
    ),
    Case("QC903", "mean", double_mean, SHAP, 4, "/mean_shap"),
    Case(
        "QC304",
        "r2",
        edit(EXPERIMENTS, lambda items: items[0]["metrics"].update(r2=1.5)),
        EXPERIMENTS,
        None,
        "/*/metrics/r2",
        says="1.5",
    ),
    Case(
        "QC301",
        "score",
        edit(EXPERIMENTS, lambda items: items[0]["metrics"].update(r2="high")),
        EXPERIMENTS,
        None,
        "/0/metrics/r2",
        says='"high"',
    ),
    Case("QC911", "title", narrative(b"# Contribution", b"## Contribution"), NARRATIVE, 1),
    Case(
        "QC912",
        "other facility",
        narrative(b"Medicare ID 020475", b"Medicare ID 999999"),
        NARRATIVE,
        1,
        says="999999",
    ),
    Case("QC913", "value", narrative(b"**: 1", b"**: about 1"), NARRATIVE),
    Case("QC913", "time", narrative(b" UTC", b""), NARRATIVE),
    Case("QC914", "heading", narrative(b"## Executive", b"## Short"), NARRATIVE, 13, says="Short Summary"),
    Case("QC914", "row", narrative(b"\n| 1 |", b"\n| 1 | 1 |"), NARRATIVE, 36, says="14 cells"),
    Case("QC914", "share", narrative(b"% of total", b" of total"), NARRATIVE, 25, says="share of the top"),
    Case(
        "QC921",
        "domain",
        edit(BUNDLE, lambda bundle: bundle["metrics"][0].update(domain="Magic")),
        BUNDLE,
        None,
        "/metrics/0/domain",
        says="Magic",
    ),
    Case("QC922", "allowed value", edit(BUNDLE, repeat_identifier), BUNDLE),
    Case(
        "QC931",
        "order",
        edit(
            "analysis/classification/index.json",
            lambda index: index.update(generated_at="2020-01-01T00:00:00.000000+00:00"),
        ),
        "analysis/classification/index.json",
        None,
        "/generated_at",
    ),
    Case(
        "QC932",
        "form",
        edit(BUNDLE, lambda bundle: bundle.update(generated_at="yesterday")),
        BUNDLE,
        None,
        "/generated_at",
        says="yesterday",
    ),
    Case(
        "QC932",
        "row",
        lambda run: run.edit_lines(
            SUMMARY, lambda lines: [*lines[:-1], lines[-1].rsplit(b",", 1)[0] + b",soon\n"]
        ),
        SUMMARY,
        95,
        "/timestamp",
    ),
    Case("QC941", "counter", reports(summary={"passed": 3}), REPORT, None, "/summary/passed"),
    Case("QC942", "suppressions", reports(suppressed={"simple_zscore": 0}), REPORT, says="lists 0"),
    Case(
        "QC943", "lists", reports(analytics={"layers": {}, "summary": {}}), ANALYTICS_REPORT, None, "/layers"
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def test_valid_reports_have_no_findings(run: RunCopy) -> None:
    reports()(run)
    assert run.findings() == []


def test_a_missing_shap_summary_is_a_note(run: RunCopy) -> None:
    run.file(SHAP).unlink()
    assert run.findings() == []
    frame = run.stage().frames["raw_model_drivers"]
    assert set(frame["estimator"]) == {"xgboost", "lightgbm"}


def test_a_single_object_stands_for_a_list(run: RunCopy) -> None:
    run.edit(EXPERIMENTS, lambda items: items[0])
    assert run.findings() == []
    assert run.stage().frames["raw_modeling_experiments"].height == 1


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-15T16:52:46+00:00",
        "2026-01-15T10:52:46-06:00",
        "2026-01-15T16:52:46.000000Z",
        "2026-01-15T16:52:46.000000+00:00Z",
    ],
)
def test_every_spelling_of_an_instant_is_read(text: str) -> None:
    expected = parse_instant("2026-01-15T16:52:46.000000+00:00")
    assert expected is not None
    assert parse_instant(text) == expected


@pytest.mark.parametrize("text", ["", "2026-01-15", "2026-01-15T16:52:46", "2026-13-15T16:52:46Z", "now"])
def test_what_is_no_instant_is_not_read(text: str) -> None:
    assert parse_instant(text) is None
