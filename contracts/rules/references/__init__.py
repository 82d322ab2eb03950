"""QC501-QC508, QC531-QC542: documents, headers and entities refer to each other."""

from __future__ import annotations

from contracts.rules.references import identity, results, sequences, trend_entities

RULES = (*identity.RULES, *results.RULES, *sequences.RULES, *trend_entities.RULES)
CHECKS = (identity.check_identity, results.check_results, *sequences.CHECKS, *trend_entities.CHECKS)
