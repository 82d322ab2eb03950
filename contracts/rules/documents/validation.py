"""QC941-QC943: the engine's own validation reports, against themselves and the run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import polars as pl

from contracts.findings import Finding, Severity
from contracts.json_values import JsonObject, number_at, objects_at, text_at, value_at
from contracts.names import method_name
from contracts.rules.rule import Rule
from contracts.run_data import RunData

COUNTERS_DIFFER = Rule(
    "QC941",
    "validation-counters-differ",
    Severity.WARNING,
    "The summary of a validation report does not count what its layers hold",
    "Findings of the engine may have been lost",
    "Validate the run again",
)
SUPPRESSIONS_DIFFER = Rule(
    "QC942",
    "validation-suppressions-differ",
    Severity.WARNING,
    "The validation report lists other suppressed records than the classification has",
    "The report may belong to another export",
    "Validate the run again",
)
REPORTS_DIFFER = Rule(
    "QC943",
    "validation-reports-differ",
    Severity.WARNING,
    "The two validation reports do not list the same findings",
    "One of them may belong to another export",
    "Validate the run again",
)

RULES = (COUNTERS_DIFFER, SUPPRESSIONS_DIFFER, REPORTS_DIFFER)

REPORT = "validation_report.json"
ANALYTICS_REPORT = "validation_analytics_report.json"
SUPPRESSED_WITHOUT_REASON = "ED005"


def check_validation_reports(data: RunData) -> list[Finding]:
    """Both validation reports, as far as the run has them."""
    found: list[Finding] = []
    listed: dict[str, Counter[str]] = {}
    for file in (REPORT, ANALYTICS_REPORT):
        report = data.document(file)
        if not report:
            continue
        findings = [
            item for name in _layers(report) for item in objects_at(report, "layers", name, "findings")
        ]
        listed[file] = Counter(json.dumps(dict(item), sort_keys=True) for item in findings)
        found += _counters(file, report, findings)
        found += _suppressions(data, file, findings)
    if len(listed) == len((REPORT, ANALYTICS_REPORT)) and listed[REPORT] != listed[ANALYTICS_REPORT]:
        difference = (listed[REPORT] - listed[ANALYTICS_REPORT]) + (listed[ANALYTICS_REPORT] - listed[REPORT])
        found.append(
            REPORTS_DIFFER.finding(
                f"{difference.total()} findings are in only one of the two reports",
                file=ANALYTICS_REPORT,
                json_path="/layers",
                actual=next(iter(difference))[:120],
                count=difference.total(),
            )
        )
    return found


def _layers(report: JsonObject) -> list[str]:
    layers = value_at(report, "layers")
    return [str(name) for name in layers] if isinstance(layers, dict) else []


def _counters(file: str, report: JsonObject, findings: list[JsonObject]) -> Iterator[Finding]:
    layers = _layers(report)
    statuses = Counter(text_at(report, "layers", name, "status") for name in layers)
    expected = {
        "total_layers": len(layers),
        "passed": statuses["pass"],
        "failed": statuses["fail"],
        "warnings": statuses["warn"],
        "total_findings": len(findings),
        "total_errors": sum(text_at(item, "severity") == "error" for item in findings),
    }
    for field, count in expected.items():
        written = number_at(report, "summary", field)
        if written is not None and written != count:
            yield COUNTERS_DIFFER.finding(
                f"{field} is not what the layers hold",
                file=file,
                json_path=f"/summary/{field}",
                expected=str(count),
                actual=f"{written:g}",
            )
    for name in layers:
        written_id = text_at(report, "layers", name, "layer_id")
        if written_id is not None and written_id != name:
            yield COUNTERS_DIFFER.finding(
                "layer_id is not the key of its layer",
                file=file,
                json_path=f"/layers/{name}/layer_id",
                expected=name,
                actual=written_id,
            )


def _suppressions(data: RunData, file: str, findings: list[JsonObject]) -> Iterator[Finding]:
    summary = data.auxiliary["classification_summary"]
    methods = Counter(
        method_name(text_at(item, "details", "statistical_method") or "")
        for item in findings
        if text_at(item, "code") == SUPPRESSED_WITHOUT_REASON
    )
    if summary.is_empty() or not methods:
        return
    for method, rows in (
        ("simple_zscore", summary.filter(pl.col("suppressed"))),
        ("slope_percentile", summary.filter(pl.col("slope_percentile").is_null())),
    ):
        if methods[method] != rows.height:
            yield SUPPRESSIONS_DIFFER.finding(
                f"the report lists {methods[method]} suppressed records of {method}, "
                f"the classification has {rows.height}",
                file=file,
                json_path="/layers",
                expected=str(rows.height),
                actual=str(methods[method]),
            )
