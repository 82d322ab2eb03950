"""A report as workflow commands of GitHub Actions: annotations on the data's own lines."""

from __future__ import annotations

from contracts.findings import Finding, Report, Severity
from contracts.rules.registry import RULES
from transforms.reports.places import path_in_checkout
from transforms.reports.wording import encodable, facts, message, printable

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def as_github(report: Report) -> str:
    """One annotation a finding, with paths relative to the checkout."""
    return "\n".join(_annotation(report, finding) for finding in report.findings)


def _annotation(report: Report, finding: Finding) -> str:
    rule = RULES.get(finding.code)
    properties = {
        "file": path_in_checkout(report.path, finding.file),
        "line": None if finding.line is None else str(finding.line),
        "title": finding.code if rule is None else f"{finding.code} {rule.name}",
    }
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value is not None)
    hint = f"hint: {printable(finding.hint)}" if finding.hint else ""
    text = "\n".join(part for part in (message(finding), facts(finding), hint) if part)
    return f"::{_COMMANDS[finding.severity]} {shown}::{_data(text)}"


def _data(text: str) -> str:
    return encodable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
