"""Check a staged run against every contract: what parsing found, schemas, then rules."""

from __future__ import annotations

from collections.abc import Callable

from contracts.findings import Finding
from contracts.rules.registry import CHECKS
from contracts.run_data import RunData
from contracts.schemas import validate
from contracts.tables import RAW_TABLES


def check_schemas(data: RunData, on_step: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """What parsing found and what breaks the schemas of the raw tables: the least loading needs."""
    findings = list(data.findings)
    for table in RAW_TABLES:
        on_step(table.name)
        findings.extend(validate(table, data.frames[table.name]))
        data.release()
    return findings


def check(data: RunData, on_step: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """All findings of ``data``; ``on_step`` hears the name of each table and check before it runs.

    Checks leave out what is already known to be broken, so that one defect is found once.
    """
    return [*check_schemas(data, on_step), *check_rules(data, on_step)]


def check_rules(data: RunData, on_step: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """What the rules say beyond files that parse and rows that fit the schemas."""
    findings: list[Finding] = []
    for rule_check in CHECKS:
        on_step(rule_check.__name__)
        findings.extend(rule_check(data))
        data.release()
    return findings
