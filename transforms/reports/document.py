"""A report as one JSON document."""

from __future__ import annotations

from typing import Any

from contracts.findings import Finding, Report, Severity
from transforms.reports.terms import Terms
from transforms.reports.wording import encodable


def as_json(report: Report, terms: Terms | None = None) -> dict[str, Any]:
    """The report with its run, summary and findings."""
    terms = terms or Terms()
    graph_name, _, run_id = report.run_key.partition("/")
    run = {"run_key": report.run_key, "graph_name": graph_name, "run_id": run_id, "path": report.path}
    return {
        "run": {name: encodable(value) for name, value in run.items()},
        "summary": {
            "errors": report.count(Severity.ERROR),
            "warnings": report.count(Severity.WARNING),
            "notes": report.count(Severity.NOTE),
            "known": terms.known,
            "unselected": terms.unselected,
            "rules_run": report.rules_run,
            "rows": report.rows,
            "seconds": round(report.seconds, 3),
        },
        "findings": [_finding(finding) for finding in report.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    document = {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "file": finding.file,
        "line": finding.line,
        "json_path": finding.json_path,
        "entity": finding.entity,
        "expected": finding.expected,
        "actual": finding.actual,
        "hint": finding.hint,
        "count": finding.count,
    }
    return {name: encodable(value) if isinstance(value, str) else value for name, value in document.items()}
