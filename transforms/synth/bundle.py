"""metadata_bundle.json: the vocabulary a run uses."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from transforms.synth import labels
from transforms.synth.clock import BUNDLE
from transforms.synth.graph import (
    COMPARISON_GROUP,
    DISCHARGE_STATUS,
    FACILITY_FIELD,
    SCOPES,
    SERVICE_LINE,
    SUB_SERVICE_LINE,
)
from transforms.synth.headers import Document
from transforms.synth.identity import Identity
from transforms.synth.taxonomy import Metric, known_metrics

VERSION = "1.0.0"

_METRIC_FIELDS = tuple(
    field.name for field in fields(Metric) if field.name not in ("level", "spread", "noise", "minimum")
)

_EDGE_TYPES: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("aggregates_from", "Aggregated From", "The parts of a total.", "expand", "forward", "hierarchical"),
    ("contradicts", "Contradicts", "Signals that do not fit together.", "expand", "forward", "causal"),
    ("decomposes_to", "Components", "Factors of a composite metric.", "expand", "forward", "analytical"),
    ("derives_to", "Derived", "A signal computed from another.", "expand", "forward", "analytical"),
    ("drills_to", "Details", "From a total to its details.", "slide_right", "forward", "hierarchical"),
    ("explains", "Explains", "A signal that gives context to another.", "expand", "forward", "analytical"),
    ("potentially_driven_by", "Possible Driver", "A dimension that may drive the outcome.",
     "expand", "forward", "analytical"),
    ("relates_to", "Related", "Signals that move together.", "expand", "bidirectional", "analytical"),
    ("segments_into", "Segments", "From a whole to its parts.", "slide_right", "forward", "hierarchical"),
    ("supports", "Supports", "A signal that confirms another.", "expand", "forward", "causal"),
    ("trends_to", "Trend", "From a total to its months.", "slide_right", "forward", "temporal"),
)  # fmt: skip

_TAGS: tuple[tuple[str, str, str, str], ...] = (
    ("los", "Length of Stay", "domain", "How long patients stay."),
    ("throughput", "Throughput", "operational_focus", "How patients flow through the house."),
    ("trend", "Trend", "analytic_pattern", "How values move over months."),
)

_COMPARISONS: tuple[tuple[str, str, str, str, str], ...] = (
    ("benchmark", "Benchmark", "Against an agreed target.", "The agreed target.", "For targets."),
    ("entity_trend", "Own History", "Against the entity's own past.", "The entity's past.", "For trends."),
    (COMPARISON_GROUP, "Peer Cohort", "Against entities of the same kind.",
     "The distribution of the peers.", "For comparisons between facilities."),
)  # fmt: skip

_TYPES: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("admissionSource", "Admission Source", "status_flow", "Where they come from.", labels.ADMISSION_SOURCES),
    ("admissionStatus", "Admission Status", "status_flow", "How urgent it was.", labels.ADMISSION_STATUSES),
    ("dischargeMonth", "Discharge Month", "time", "Month of discharge.", ()),
    ("dischargeQuarter", "Discharge Quarter", "time", "Quarter of discharge.", ()),
    (DISCHARGE_STATUS, "Discharge Status", "status_flow", "Where they go.", labels.DISCHARGE_STATUSES),
    ("dischargeYear", "Discharge Year", "time", "Year of discharge.", ()),
    (FACILITY_FIELD, "Medicare ID", "entity", "The facility.", ()),
    ("payerSegment", "Payer Segment", "coverage", "Who pays.", labels.PAYER_SEGMENTS),
    ("systemName", "Health System", "entity", "The system a facility belongs to.", ()),
    (SERVICE_LINE, "Service Line", "entity", "What kind of care.", labels.SERVICE_LINES),
    (SUB_SERVICE_LINE, "Sub-Service Line", "entity", "What kind of care, in detail.",
     tuple(labels.sub_service_line(line, part)
           for line in labels.SERVICE_LINES for part in labels.SUB_SERVICE_LINES)),
)  # fmt: skip

_UNUSED_SETS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("facility_admission_source", (FACILITY_FIELD, "admissionSource")),
    ("facility_payer_segment", (FACILITY_FIELD, "payerSegment")),
)


def build_bundle(identity: Identity, used: tuple[Metric, ...]) -> Document:
    """The bundle; six arrays, each sorted by id."""
    taxonomy = _taxonomy(used)
    return {
        "version": VERSION,
        "generated_at": identity.clock.offset(BUNDLE),
        "taxonomy_hash": taxonomy_hash(used),
        **taxonomy,
    }


def taxonomy_hash(used: tuple[Metric, ...]) -> str:
    """16 hex digits over the whole vocabulary."""
    return hashlib.sha256(json.dumps(_taxonomy(used)).encode()).hexdigest()[:16]


def _taxonomy(used: tuple[Metric, ...]) -> Document:
    return {
        "metrics": [
            {name: getattr(metric, name) for name in _METRIC_FIELDS} for metric in known_metrics(used)
        ],
        "edge_types": _documents(
            ("id", "display_name", "description", "ui_behavior", "direction", "category"), _EDGE_TYPES
        ),
        "tag_types": [
            {**tag, "ui_filter_ids": []}
            for tag in _documents(("id", "display_name", "category", "description"), _TAGS)
        ],
        "comparison_modes": _documents(
            ("id", "display_name", "description", "baseline_description", "authoring_hint"), _COMPARISONS
        ),
        "group_by_types": [
            {
                "id": identity,
                "display_name": title,
                "category": category,
                "dataset_field": identity,
                "description": description,
                "allowed_values": [
                    {"code": value, "identifier": f"{number:02d}", "label": value}
                    for number, value in enumerate(values, 1)
                ],
            }
            for identity, title, category, description, values in sorted(_TYPES)
        ],
        "group_by_sets": _group_by_sets(),
    }


def _documents(names: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> list[Document]:
    return [dict(zip(names, row, strict=True)) for row in sorted(rows)]


def _group_by_sets() -> list[Document]:
    sets = sorted((*_UNUSED_SETS, *((scope.group_by_set, scope.dimensions) for scope in SCOPES)))
    return [
        {
            "id": name,
            "description": f"Entities by {', '.join(dimensions)}.",
            "allowed_metric_method_sets": ["aggregated_time_period", "trending_time_period"],
            "allowed_dimensions": [list(dimensions)],
            "optional_time_dimensions": ["dischargeYear", "dischargeQuarter", "dischargeMonth"],
        }
        for name, dimensions in sets
    ]
