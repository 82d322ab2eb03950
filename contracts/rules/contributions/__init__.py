"""QC801-QC826: contributions join children to their parents, and are computed as they should."""

from __future__ import annotations

from contracts.rules.contributions import entities, formulas, index

RULES = (*index.RULES, *entities.RULES, *formulas.RULES)
CHECKS = (*index.CHECKS, *entities.CHECKS, *formulas.CHECKS)
