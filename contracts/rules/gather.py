"""Findings folded while they come in: one defect must not make a flood."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from contracts.findings import Finding, Severity

READING = ("QC2", "QC3")
"""Families of findings that parsing makes: syntax, and values of the wrong type."""
MAX_PLACES = 4
"""Further lines that a folded finding names."""
MAX_KINDS = 20
"""Different findings of one rule in one file; whatever comes after joins the last of them."""

_INDEX = re.compile(r"/\d+(?=/|$)")
_KIND = tuple[str, str | None, str]


@dataclass(slots=True)
class _Folded:
    first: Finding
    count: int = 0
    lines: list[int] = field(default_factory=list)

    def finding(self) -> Finding:
        if self.count == self.first.count:
            return self.first
        message = self.first.message
        if self.lines:
            more = ", …" if self.count > len(self.lines) + 1 else ""
            message += f" (also line {', '.join(map(str, self.lines))}{more})"
        return replace(self.first, message=message, count=self.count)


class Findings:
    """Collects findings; those of one rule, file and member count as one with the first places."""

    def __init__(self) -> None:
        self._folded: dict[_KIND, _Folded] = {}
        self._kinds: dict[tuple[str, str | None], list[_KIND]] = {}
        self.broken: set[str | None] = set()
        """Files that could not be read in full, or hold values of the wrong type."""

    def append(self, finding: Finding) -> None:
        """Add a finding, or count it with an earlier one of its kind."""
        kind = (finding.code, finding.file, _INDEX.sub("/*", finding.json_path or ""))
        if finding.line is None:
            kind = (finding.code, finding.file, finding.json_path or "")
        kinds = self._kinds.setdefault(kind[:2], [])
        if kind not in self._folded and len(kinds) >= MAX_KINDS:
            kind = kinds[-1]
        folded = self._folded.get(kind)
        if folded is None:
            folded = self._folded[kind] = _Folded(finding)
            kinds.append(kind)
            if finding.code.startswith(READING) and finding.severity is Severity.ERROR:
                self.broken.add(finding.file)
        elif finding == folded.first:
            return
        elif finding.line is not None and len(folded.lines) < MAX_PLACES:
            folded.lines.append(finding.line)
        folded.count += finding.count

    def add(self, finding: Finding | None) -> None:
        """As ``append``; None is nothing to add."""
        if finding is not None:
            self.append(finding)

    def extend(self, others: Findings) -> None:
        """Add findings gathered elsewhere, of files that none here is about."""
        self._folded |= others._folded
        for rule, kinds in others._kinds.items():
            self._kinds.setdefault(rule, []).extend(kinds)
        self.broken |= others.broken

    def all(self) -> list[Finding]:
        """The folded findings, in the order of their first places' arrival."""
        return [folded.finding() for folded in self._folded.values()]


def limited(findings: Iterable[Finding], places: int = MAX_PLACES + 1) -> list[Finding]:
    """The first findings of each rule; whatever comes after is counted with the last of them."""
    kept: list[Finding] = []
    last: dict[str, int] = {}
    seen: dict[str, int] = {}
    for finding in findings:
        number = seen[finding.code] = seen.get(finding.code, 0) + 1
        if number <= places:
            last[finding.code] = len(kept)
            kept.append(finding)
        else:
            position = last[finding.code]
            kept[position] = replace(kept[position], count=kept[position].count + finding.count)
    return kept
