"""The findings with their filters."""

from __future__ import annotations

from collections import Counter

from contracts.findings import Finding, Report, Severity
from contracts.rules.registry import RULES
from transforms.reports.html.markup import Markup, element, join
from transforms.reports.wording import plural, why

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def findings_section(report: Report) -> Markup:
    """Every finding, the worst first, each to be opened; filters appear where scripts run."""
    if not report.findings:
        nothing = element("p", "Nothing to report: every rule holds.", class_="empty")
        return element("section", element("h2", "Findings"), nothing, id="findings")
    ordered = sorted(
        report.findings, key=lambda found: (_ORDER[found.severity], found.code, found.file or "")
    )
    return element(
        "section",
        element("h2", "Findings"),
        _filters(report),
        element("div", *map(_finding, ordered), id="list"),
        element("p", "No finding matches the filters.", class_="empty", id="none", hidden=True),
        id="findings",
    )


def _filters(report: Report) -> Markup:
    severities = Counter(finding.severity for finding in report.findings)
    codes = Counter(finding.code for finding in report.findings)
    boxes = [
        element(
            "label",
            element("input", type="checkbox", name="severity", value=severity.value, checked=True),
            element("span", plural(severities[severity], severity.value), class_=f"pill {severity}"),
        )
        for severity in _ORDER
        if severities[severity]
    ]
    options = [element("option", f"{code} ({count})", value=code) for code, count in sorted(codes.items())]
    return element(
        "form",
        *boxes,
        element(
            "label", "Rule ", element("select", element("option", "all", value=""), *options, name="code")
        ),
        element(
            "label",
            "Text ",
            element("input", type="search", name="text", placeholder="file, entity, message"),
        ),
        element("output", plural(len(report.findings), "finding"), name="shown"),
        class_="filters",
        id="filters",
        hidden=True,
    )


def _finding(finding: Finding) -> Markup:
    rule = RULES.get(finding.code)
    repeated = f"\N{MULTIPLICATION SIGN}{finding.count:,}" if finding.count > 1 else ""
    details = [
        ("Entity", finding.entity),
        ("JSON path", finding.json_path),
        ("Got", finding.actual),
        ("Expected", finding.expected),
    ]
    texts = [("Rule", rule.summary if rule else None), ("Why", why(finding)), ("Hint", finding.hint)]
    rows = [
        *(
            join(element("dt", name), element("dd", element("code", value)))
            for name, value in details
            if value
        ),
        *(join(element("dt", name), element("dd", value)) for name, value in texts if value),
    ]
    summary = element(
        "summary",
        element("span", finding.code, class_=f"pill {finding.severity}"),
        element("code", finding.place, class_="place"),
        element("span", finding.message, class_="message"),
        element("span", repeated, class_="count", title="places") if repeated else "",
    )
    return element(
        "details",
        summary,
        element("dl", *rows),
        class_="finding",
        data_severity=finding.severity.value,
        data_code=finding.code,
    )
