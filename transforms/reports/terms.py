"""On what terms a report is judged: chosen codes, a baseline, and the severity that fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from contracts.findings import Finding, Report, Severity
from contracts.rules.registry import RULES
from transforms.errors import UsageError
from transforms.reports.baseline import Baseline


class UnknownCode(UsageError):
    """A code or prefix that no rule of the catalogue has."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"no rule has a code that starts with {code!r}", "list them: compass rules")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which codes count. Where both sides match, the longer prefix decides, then ``ignore``."""

    select: tuple[str, ...] = ()
    """Prefixes of the codes that count; none means all."""
    ignore: tuple[str, ...] = ()

    @classmethod
    def of(cls, select: Iterable[str], ignore: Iterable[str]) -> Selection:
        """The selection that comma-separated prefixes mean; raises UnknownCode."""
        return cls(_prefixes(select), _prefixes(ignore))

    def includes(self, code: str) -> bool:
        """Whether findings of ``code`` count."""
        return _longest(self.select or ("",), code) > _longest(self.ignore, code)


def _prefixes(values: Iterable[str]) -> tuple[str, ...]:
    prefixes = tuple(part.strip().upper() for value in values for part in value.split(",") if part.strip())
    for prefix in prefixes:
        if not any(code.startswith(prefix) for code in RULES):
            raise UnknownCode(prefix)
    return prefixes


def _longest(prefixes: Iterable[str], code: str) -> int:
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=-1)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms, and what they kept out of a report."""

    fail_on: Severity = Severity.ERROR
    """The least severity that fails the check."""
    selection: Selection = field(default_factory=Selection)
    known: int = 0
    """Findings that the baseline already knew."""
    unselected: int = 0
    """Findings whose codes were not selected."""

    def fails(self, finding: Finding) -> bool:
        """Whether ``finding`` fails the check."""
        return finding.severity is Severity.ERROR or finding.severity is self.fail_on

    def failed(self, report: Report) -> bool:
        """Whether ``report`` fails the check."""
        return any(self.fails(finding) for finding in report.findings)


def judge(
    report: Report, selection: Selection, baseline: Baseline, fail_on: Severity
) -> tuple[Report, Terms]:
    """``report`` with the findings that count, and the terms with what does not."""
    selected = [finding for finding in report.findings if selection.includes(finding.code)]
    new = [finding for finding in selected if not baseline.knows(finding)]
    rules_run = sum(1 for code in RULES if selection.includes(code))
    narrowed = replace(report, findings=new, rules_run=min(report.rules_run, rules_run))
    return narrowed, Terms(
        fail_on=fail_on,
        selection=selection,
        known=len(selected) - len(new),
        unselected=len(report.findings) - len(selected),
    )
