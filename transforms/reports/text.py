"""A report as text, in the manner of linters: code, place, what, why, hint."""

from __future__ import annotations

from contracts.findings import Finding, Report, Severity
from contracts.rules.registry import RULES


def as_text(report: Report) -> str:
    """The findings grouped by file, then a summary line."""
    lines: list[str] = []
    by_file = sorted(report.findings, key=lambda found: (found.file or "", found.line or 0, found.code))
    for finding in by_file:
        lines.extend(_describe(finding))
    lines.append(_summary(report))
    return "\n".join(lines)


def _describe(finding: Finding) -> list[str]:
    repeated = f" (and {finding.count - 1} more)" if finding.count > 1 else ""
    lines = [f"{finding.code} {finding.place}  {finding.severity}: {finding.message}{repeated}"]
    facts = [
        finding.entity,
        finding.json_path,
        None if finding.actual is None else f"got {finding.actual}",
        None if finding.expected is None else f"expected {finding.expected}",
    ]
    shown = "  ".join(fact for fact in facts if fact)
    if shown:
        lines.append(f"      | {shown}")
    rule = RULES.get(finding.code)
    if rule is not None:
        lines.append(f"      why: {rule.why[0].lower()}{rule.why[1:]}")
    if finding.hint:
        lines.append(f"hint: {finding.hint}")
    lines.append("")
    return lines


def _summary(report: Report) -> str:
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    rows = sum(report.rows.values())
    verdict = "ok" if report.ok else "not loadable"
    return (
        f"{report.run_key}: {verdict}, {errors} errors, {warnings} warnings; "
        f"{report.rules_run} rules over {rows:,} rows in {report.seconds:.2f} s"
    )
