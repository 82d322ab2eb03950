"""Every rule of the catalogue, and every check that runs over a staged run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from contracts.findings import Finding
from contracts.rules import files, parsing, schema
from contracts.rules.rule import Rule
from contracts.run_data import RunData

Check = Callable[[RunData], Iterable[Finding]]
"""Looks at a staged run and yields what is wrong; one check may serve several rules."""

RULES: dict[str, Rule] = {rule.code: rule for rule in (*files.RULES, *parsing.RULES, *schema.RULES)}

CHECKS: tuple[Check, ...] = ()
