"""QC901-QC943: modeling, narratives, the metadata bundle, timestamps and validation reports."""

from __future__ import annotations

from contracts.rules.documents import bundle, modeling, narratives, timestamps, validation

_FAMILIES = (modeling, narratives, bundle, timestamps, validation)

RULES = tuple(rule for family in _FAMILIES for rule in family.RULES)
CHECKS = (
    modeling.check_modeling,
    narratives.check_narratives,
    bundle.check_bundle,
    timestamps.check_timestamps,
    validation.check_validation_reports,
)
