"""QC401-QC420: values that are possible one by one, but not as data of a hospital."""

from __future__ import annotations

from contracts.rules.values import lengths, metadata, surprises

RULES = (*surprises.RULES, *metadata.RULES, *lengths.RULES)
CHECKS = (*surprises.CHECKS, *metadata.CHECKS, *lengths.CHECKS)
