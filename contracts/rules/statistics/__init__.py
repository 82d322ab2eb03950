"""QC601-QC663: every statistic of a node, computed again from its values."""

from __future__ import annotations

from contracts.rules.statistics import (
    aggregate,
    anomalies,
    header_facets,
    headers,
    percentiles,
    slopes,
    suppression,
    timelines,
    trending,
)

_MODULES = (
    headers,
    header_facets,
    aggregate,
    trending,
    slopes,
    percentiles,
    timelines,
    anomalies,
    suppression,
)

RULES = tuple(rule for module in _MODULES for rule in module.RULES)
CHECKS = tuple(check for module in _MODULES for check in module.CHECKS)
