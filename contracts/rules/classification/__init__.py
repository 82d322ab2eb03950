"""QC701-QC741: classifications follow from the nodes' statistics and add up."""

from __future__ import annotations

from contracts.rules.classification import coverage, indicators, inputs, severities, totals, verdicts

_FAMILIES = (coverage, totals, inputs, indicators, verdicts, severities)

RULES = tuple(sorted((rule for family in _FAMILIES for rule in family.RULES), key=lambda rule: rule.code))
CHECKS = tuple(check for family in _FAMILIES for check in family.CHECKS)
