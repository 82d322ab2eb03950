"""The declaration of a rule: its stable code and what the catalogue says of it."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the catalogue. Codes never change meaning; a retired code is not reused."""

    code: str
    name: str
    severity: Severity
    summary: str
    why: str
    fix: str

    def finding(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        json_path: str | None = None,
        entity: str | None = None,
        expected: str | None = None,
        actual: str | None = None,
        hint: str | None = None,
        count: int = 1,
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this rule; ``hint`` defaults to the rule's fix."""
        return Finding(
            code=self.code,
            severity=self.severity if severity is None else severity,
            message=message,
            file=file,
            line=line,
            json_path=json_path,
            entity=entity,
            expected=expected,
            actual=actual,
            hint=self.fix if hint is None else hint,
            count=count,
        )
