"""What a check found: severities, findings and the report that collects them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: an error keeps the run from being loaded."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with everything needed to find it.

    ``file`` is relative to the run directory, ``line`` counts from 1, ``json_path`` is a
    JSON pointer, ``count`` says how many like it were folded into this one.
    """

    code: str
    severity: Severity
    message: str
    file: str | None = None
    line: int | None = None
    json_path: str | None = None
    entity: str | None = None
    expected: str | None = None
    actual: str | None = None
    hint: str | None = None
    count: int = 1

    @property
    def place(self) -> str:
        """``file:line``, as far as known; ``run`` when the finding is about the whole run."""
        if self.file is None:
            return "run"
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(slots=True)
class Report:
    """The findings of one check of one run."""

    run_key: str
    path: str
    findings: list[Finding] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    rules_run: int = 0
    seconds: float = 0.0

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings in the order given."""
        self.findings.extend(findings)

    def count(self, severity: Severity) -> int:
        """Number of findings of ``severity``, folded ones counted once."""
        return sum(1 for finding in self.findings if finding.severity is severity)

    @property
    def ok(self) -> bool:
        """Whether the run may be loaded: no finding is an error."""
        return self.count(Severity.ERROR) == 0
