"""QC401-QC409: values that are possible one by one, but not as data of a hospital."""

from __future__ import annotations

from contracts.rules.values import metadata, surprises

RULES = (*surprises.RULES, *metadata.RULES)
CHECKS = (*surprises.CHECKS, *metadata.CHECKS)
