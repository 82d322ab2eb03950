"""A report as SARIF 2.1.0, which code hosts turn into annotations and alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from contracts.findings import Finding, Report, Severity
from contracts.rules.registry import RULES
from contracts.rules.rule import Rule
from transforms.reports.baseline import fingerprint
from transforms.reports.places import checkout, run_prefix
from transforms.reports.terms import Terms
from transforms.reports.wording import encodable, facts, message
from transforms.run import RESULTS_INDEX

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_CHECKOUT, _RUN = "%SRCROOT%", "RUN"


def as_sarif(report: Report, terms: Terms | None = None) -> dict[str, Any]:
    """The SARIF log: the rules that count, and a result a finding.

    Paths are relative to the checkout where the run lies in it, as code hosts expect, and
    relative to the run elsewhere.
    """
    terms = terms or Terms()
    rules = [rule for rule in RULES.values() if terms.selection.includes(rule.code)]
    places = {rule.code: index for index, rule in enumerate(rules)}
    base, root = (_RUN, Path(report.path).absolute())
    prefix = run_prefix(report.path)
    if prefix is not None:
        base, root = _CHECKOUT, checkout()
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "compass preflight", "rules": [_rule(rule) for rule in rules]}},
        "automationDetails": {"id": f"compass preflight/{encodable(report.run_key)}/"},
        "originalUriBaseIds": {base: {"uri": _directory(root)}},
        "invocations": [{"executionSuccessful": all(finding.code in RULES for finding in report.findings)}],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, places.get(finding.code), base, prefix or "") for finding in report.findings
        ],
        "properties": {
            "path": encodable(report.path),
            "rows": report.rows,
            "seconds": round(report.seconds, 3),
            "known": terms.known,
            "unselected": terms.unselected,
        },
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _directory(path: Path) -> str:
    return "file://" + quote(encodable(path.as_posix()).rstrip("/") + "/")


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": f"{rule.summary}. {rule.why}."},
        "help": {
            "text": f"{rule.summary}.\n\nWhy: {rule.why}.\n\nFix: {rule.fix}.",
            "markdown": f"{rule.summary}.\n\n**Why**: {rule.why}.\n\n**Fix**: {rule.fix}.",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["data", f"{rule.code[:3]}xx"]},
    }


def _result(finding: Finding, rule_index: int | None, base: str, prefix: str) -> dict[str, Any]:
    # Findings about the whole run point at the document that makes a directory a run.
    file = encodable(finding.file or RESULTS_INDEX)
    path = f"{prefix}/{file}" if prefix not in ("", ".") else file
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(path), "uriBaseId": base}}
    if finding.line is not None and finding.line > 0:
        place["region"] = {"startLine": finding.line}
    location: dict[str, Any] = {"physicalLocation": place}
    if finding.json_path:
        location["logicalLocations"] = [{"fullyQualifiedName": encodable(finding.json_path)}]
    known = facts(finding)
    details = {
        name: encodable(str(value))
        for name in ("file", "entity", "json_path", "expected", "actual", "hint")
        if (value := getattr(finding, name)) is not None
    }
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{message(finding)}\n{known}" if known else message(finding)},
        "locations": [location],
        "partialFingerprints": {"compassFinding/v1": fingerprint(finding)},
        "occurrenceCount": finding.count,
        "properties": details,
    }
    if rule_index is not None:
        result["ruleIndex"] = rule_index
    return result
