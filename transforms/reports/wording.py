"""Text that the reports share: facts of a finding, and values made safe to show."""

from __future__ import annotations

import unicodedata

from contracts.findings import Finding, Report, Severity
from contracts.rules.registry import RULES

_SEVERITIES = ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.NOTE, "note"))


def printable(text: str) -> str:
    """``text`` on one line, with control characters and lone surrogates as escapes.

    Values come from files nobody has vetted: as they are, they could drive a terminal or
    forge lines of a report.
    """
    if text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    # Unassigned and private characters only look odd; separators, formats and controls act.
    acts = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return character.encode("unicode_escape").decode() if acts else character


def encodable(text: str) -> str:
    """``text`` with lone surrogates, as names of files that are not UTF-8 have them, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def clause(sentence: str) -> str:
    """``sentence`` as it continues a line: its first letter small, but names and acronyms kept."""
    first, _, rest = sentence.partition(" ")
    plain = first[1:].islower() or (first == "A" and bool(rest))
    return sentence[0].lower() + sentence[1:] if plain and first[0].isupper() else sentence


def plural(count: int, noun: str) -> str:
    """``count`` with ``noun``, e.g. ``1 error`` and ``1,024 errors``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def facts(finding: Finding) -> str:
    """Entity, JSON path, value and expectation of ``finding``, as far as known, on one line."""
    compared = [
        None if finding.actual is None else f"got {finding.actual}",
        None if finding.expected is None else f"expected {finding.expected}",
    ]
    parts = [finding.entity, finding.json_path, ", ".join(part for part in compared if part)]
    return printable("  ".join(part for part in parts if part))


def message(finding: Finding) -> str:
    """The finding's message, with how many like it were folded into it."""
    repeated = f" (and {finding.count - 1:,} more)" if finding.count > 1 else ""
    return printable(finding.message) + repeated


def why(finding: Finding) -> str | None:
    """Why the rule of ``finding`` exists; None for what no rule stands behind."""
    rule = RULES.get(finding.code)
    return None if rule is None else rule.why


def counts(report: Report) -> str:
    """How many findings of each severity, e.g. ``2 errors, 1 warning``; notes only where any."""
    return ", ".join(
        plural(report.count(severity), noun)
        for severity, noun in _SEVERITIES
        if severity is not Severity.NOTE or report.count(severity)
    )
