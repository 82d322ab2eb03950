"""A report as text, in the manner of linters: code, place, what, the value, why, hint."""

from __future__ import annotations

from itertools import groupby

from contracts.findings import Finding, Report, Severity
from contracts.rules.registry import RULES
from transforms.reports.terms import Terms
from transforms.reports.wording import clause, counts, facts, message, plural, printable, why

_COLOURS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.NOTE: "36;1"}
_BOLD, _DIM, _GREEN = "1", "2", "32"


def as_text(report: Report, terms: Terms | None = None, *, colour: bool = False) -> str:
    """The findings by file, then a summary line; ``colour`` adds ANSI colours."""
    paint = _Paint(colour)
    ordered = sorted(report.findings, key=lambda found: (found.file or "", found.code, found.line or 0))
    lines: list[str] = []
    for _, group in groupby(ordered, key=lambda found: (found.file, found.code)):
        lines.extend(_describe(list(group), paint))
        lines.append("")
    lines.append(_summary(report, terms or Terms(), paint))
    return "\n".join(lines)


def as_summary(report: Report, terms: Terms) -> str:
    """The summary line alone."""
    return _summary(report, terms, _Paint(False))


def describe(finding: Finding) -> str:
    """One finding on its own, as the report shows it."""
    return "\n".join(_describe([finding], _Paint(False)))


class _Paint:
    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._enabled else text


def _describe(findings: list[Finding], paint: _Paint) -> list[str]:
    """Findings of one rule in one file: what and where of each, then once why and how to mend it."""
    lines: list[str] = []
    for finding in findings:
        code = paint(printable(finding.code), _COLOURS[finding.severity])
        place = paint(printable(finding.place), _BOLD)
        label = "" if finding.severity is Severity.ERROR else f"{finding.severity}: "
        lines.append(f"{code} {place}  {label}{message(finding)}")
        shown = facts(finding)
        if shown:
            lines.append(f"      {paint('|', _DIM)} {shown}")
    reason = why(findings[0])
    if reason:
        lines.append(paint(f"      why: {clause(reason)}", _DIM))
    for hint in dict.fromkeys(finding.hint for finding in findings if finding.hint):
        more = f", or see `compass rules {findings[0].code}`" if findings[0].code in RULES else ""
        lines.append(f"{paint('hint:', _GREEN)} {printable(clause(hint))}{more}")
    return lines


def _summary(report: Report, terms: Terms, paint: _Paint) -> str:
    if not report.ok:
        verdict = paint("not loadable", _COLOURS[Severity.ERROR])
    elif terms.failed(report):
        verdict = paint(f"loadable, but fails on {terms.fail_on}s", _COLOURS[terms.fail_on])
    else:
        verdict = paint("ok", _GREEN)
    parts = [counts(report)]
    if terms.known:
        parts.append(f"{terms.known:,} known from the baseline")
    if terms.unselected:
        parts.append(f"{terms.unselected:,} not selected")
    rows = sum(report.rows.values())
    return (
        f"{printable(report.run_key)}: {verdict}, {', '.join(parts)}; "
        f"{plural(report.rules_run, 'rule')} over {plural(rows, 'row')} in {report.seconds:.2f} s"
    )
