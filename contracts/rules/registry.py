"""Every rule of the catalogue, and every check that runs over a staged run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from contracts.findings import Finding
from contracts.rules import (
    classification,
    contributions,
    documents,
    files,
    graph,
    parsing,
    references,
    schema,
    statistics,
    values,
)
from contracts.rules.rule import Rule
from contracts.run_data import RunData

Check = Callable[[RunData], Iterable[Finding]]
"""Looks at a staged run and yields what is wrong; one check may serve several rules."""

_CONTENT = (values, references, graph, statistics, classification, contributions, documents)

RULES: dict[str, Rule] = {
    rule.code: rule for family in (files, parsing, schema, *_CONTENT) for rule in family.RULES
}
"""Every rule by its code, in the order of the catalogue."""

CHECKS: tuple[Check, ...] = tuple(check for family in (files, *_CONTENT) for check in family.CHECKS)
"""Every check. What parses and fits the schemas is found while staging and by pandera."""
