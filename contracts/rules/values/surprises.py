"""QC401-QC403, QC408, QC409: data-quality surprises that real runs contain; never errors."""

from __future__ import annotations

import polars as pl

from contracts.findings import Finding, Severity
from contracts.json_values import objects_at, text_at
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.run_data import RunData

EXTREME_ZSCORE = Rule(
    "QC401",
    "extreme-zscore",
    Severity.WARNING,
    "A z-score lies beyond 10",
    "A value ten deviations from its peers is more often a unit or a data error",
    "Look at the value and at the spread of its peers",
)
NEGATIVE_INDEX = Rule(
    "QC402",
    "negative-index",
    Severity.WARNING,
    "A ratio, count or duration is negative",
    "Observed over expected cannot be below zero",
    "Look at the source rows of the entity",
)
PATIENTS_EXCEED_ENCOUNTERS = Rule(
    "QC403",
    "patients-exceed-encounters",
    Severity.WARNING,
    "An entity has more unique patients than encounters",
    "Every patient has at least one encounter: one of the two counts is wrong",
    "Compare the two columns with the source",
)
TIMELINE_GAPS = Rule(
    "QC408",
    "timeline-gaps",
    Severity.NOTE,
    "A timeline has fewer than 6 months, or months without a value",
    "Slope and acceleration are withheld, trends are less certain",
    "Nothing to fix if the source has no rows for these months",
)
UNKNOWN_LABEL = Rule(
    "QC409",
    "unknown-dimension-label",
    Severity.WARNING,
    "A dimension value is not among the bundle's allowed values",
    "Filters built from the bundle do not find the entity",
    "Add the label to the bundle, or correct the value",
)

RULES = (EXTREME_ZSCORE, NEGATIVE_INDEX, PATIENTS_EXCEED_ENCOUNTERS, TIMELINE_GAPS, UNKNOWN_LABEL)

GREATEST_ZSCORE = 10.0
"""z-scores of the reference runs stay below 2; engines clip nothing."""
LEAST_MONTHS = 6
"""Below, the engine withholds the slope."""
METADATA_BUNDLE = "metadata_bundle.json"
DASHES = "[\u2010-\u2015\u2212]"
"""Hyphen, non-breaking hyphen, dashes and minus: one label is spelled with several of them."""

_ZSCORES = (
    "simple_zscore",
    "robust_zscore",
    "mean_simple_zscore",
    "latest_simple_zscore",
    "mean_robust_zscore",
    "latest_robust_zscore",
)
_NEVER_NEGATIVE = ("ratio", "count", "percentage")


def check_zscores(data: RunData) -> list[Finding]:
    """z-scores that no peer group explains."""
    methods = data.frames["raw_statistical_methods"]
    found: list[Finding] = []
    for name in _ZSCORES:
        extreme = methods.filter(pl.col(name).abs() > GREATEST_ZSCORE)
        found += fold(
            EXTREME_ZSCORE,
            extreme,
            f"{name} is beyond {GREATEST_ZSCORE:g}",
            json_path="/statistical_methods",
            actual=lambda row, name=name: f"{row[name]:.4g}",  # type: ignore[misc]
        )
    return found


def check_negative_values(data: RunData) -> list[Finding]:
    """Values of metrics that cannot be negative, on aggregate and temporal entities."""
    metrics = data.frames["raw_metric_definitions"].filter(pl.col("unit_type").is_in(_NEVER_NEGATIVE))
    entities = data.frames["raw_entity_results"].filter(
        pl.col("metric_id").is_in(metrics["metric_id"].to_list())
    )
    # "value":- is how JSON spells a negative number in the timeline that staging writes.
    negative = (pl.col("metric_value") < 0) | pl.col("timeline").str.contains('"value":-', literal=True)
    return fold(
        NEGATIVE_INDEX,
        entities.filter(negative),
        lambda row: f"{row['metric_id']} is negative",
        json_path="/metric/0/values",
        actual=lambda row: None if row["metric_value"] is None else f"{row['metric_value']:.6g}",
    )


def check_patients(data: RunData) -> list[Finding]:
    """Unique patients against encounters of the same entity."""
    entities = data.frames["raw_entity_results"]
    counts = ["metadata", "encounters"]
    patients = pl.col("metadata").str.json_path_match("$.uniquePatients").cast(pl.Float64, strict=False)
    more = entities.select(counts).unique().with_columns(patients=patients)
    return fold(
        PATIENTS_EXCEED_ENCOUNTERS,
        entities.join(
            more.filter(pl.col("patients") > pl.col("encounters")), on=counts, maintain_order="left"
        ),
        "more unique patients than encounters",
        json_path="/metadata/uniquePatients",
        expected=lambda row: f"at most {row['encounters']:.15g}",
        actual=lambda row: f"{row['patients']:.15g}",
    )


def check_timelines(data: RunData) -> list[Finding]:
    """Short timelines and months without a value."""
    temporal = data.frames["raw_entity_results"].filter(pl.col("timeline_length").is_not_null())
    nulls = pl.col("timeline").str.contains('"value":null', literal=True)
    short = pl.col("timeline_length") < LEAST_MONTHS
    return [
        *fold(
            TIMELINE_GAPS,
            temporal.filter(short),
            f"the timeline has fewer than {LEAST_MONTHS} months",
            json_path="/metric/0/values/timeline",
            actual=lambda row: f"{row['timeline_length']} months",
            by="run_key",
        ),
        *fold(
            TIMELINE_GAPS,
            temporal.filter(nulls & ~short),
            "the timeline has a month without a value",
            json_path="/metric/0/values/timeline",
            by="run_key",
        ),
    ]


def check_labels(data: RunData) -> list[Finding]:
    """Dimension values against the bundle, every kind of dash taken for a hyphen."""
    allowed = _allowed_labels(data)
    entities = data.frames["raw_entity_results"]
    distinct = entities.select("entity_dimensions").unique()
    found: list[Finding] = []
    for dimension, labels in allowed.items():
        value = pl.col("entity_dimensions").str.json_path_match(f"$.{dimension}")
        named = distinct.with_columns(label=value).filter(pl.col("label").is_not_null())
        wanted = pl.Series(labels, dtype=pl.String).str.replace_all(DASHES, "-").implode()
        unknown = named.filter(~pl.col("label").str.replace_all(DASHES, "-").is_in(wanted))
        found += fold(
            UNKNOWN_LABEL,
            entities.join(unknown, on="entity_dimensions", maintain_order="left"),
            f"the bundle does not have this {dimension}",
            json_path="/entity",
            actual=lambda row: row["label"],
        )
    return found


def _allowed_labels(data: RunData) -> dict[str, list[str]]:
    """Labels of each dimension that the bundle limits."""
    allowed: dict[str, list[str]] = {}
    for item in objects_at(data.document(METADATA_BUNDLE), "group_by_types"):
        field = text_at(item, "dataset_field")
        labels = [
            text
            for value in objects_at(item, "allowed_values")
            for text in (text_at(value, "label"), text_at(value, "code"))
            if text is not None
        ]
        if field is not None and field.isidentifier() and labels:
            allowed[field] = labels
    return allowed


CHECKS = (check_zscores, check_negative_values, check_patients, check_timelines, check_labels)
