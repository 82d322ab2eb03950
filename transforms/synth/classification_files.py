"""analysis/classification: a line an aggregate entity, the CSV summary, index and manifest."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from transforms.synth.classification import Indicators, Inputs, Verdict, classify, indicate
from transforms.synth.clock import after_classification, classification_row
from transforms.synth.graph import SCOPES
from transforms.synth.headers import Document
from transforms.synth.identity import Identity
from transforms.synth.node_data import NodeData
from transforms.synth.numbers import nullable
from transforms.synth.statistics import row_mean, row_std
from transforms.synth.tiers import consistency_tier, magnitude_tier, trajectory_tier
from transforms.synth.writer import RunWriter

_FOLDER = "analysis/classification"
_DIMENSIONS = sorted({name for scope in SCOPES for name in scope.dimensions})


@dataclass(frozen=True, slots=True)
class Classified:
    """A classified entity, ready to be written as a line or as a CSV row."""

    node_id: str
    metric_id: str
    entity_key: dict[str, str]
    inputs: Inputs
    indicators: Indicators
    verdict: Verdict
    suppressed: bool
    periods: int
    percentile_rank: float | None
    variation: float | None


def classify_node(data: NodeData) -> list[Classified]:
    """Every entity of an aggregate node, by the numbers of its monthly node."""
    trend = data.trend
    variation = row_std(data.measures.monthly) / np.abs(row_mean(data.measures.monthly))
    columns = zip(
        nullable(trend.mean_simple),
        nullable(trend.slope_percentile),
        nullable(trend.acceleration),
        nullable(trend.zscore_std),
        nullable(trend.max_abs_zscore),
        data.aggregate.suppressed.tolist(),
        data.entities.lengths.tolist(),
        nullable(data.aggregate.rank),
        nullable(variation),
        strict=True,
    )
    rows = []
    for index, (zscore, slope, acceleration, std, extreme, suppressed, periods, rank, cv) in enumerate(
        columns
    ):
        inputs = Inputs(zscore, slope, acceleration, std, extreme)
        indicators = indicate(inputs)
        rows.append(
            Classified(
                node_id=data.aggregate_node.id,
                metric_id=data.aggregate_node.metric.metric_id,
                entity_key=data.entities.key_document(index),
                inputs=inputs,
                indicators=indicators,
                verdict=classify(inputs, indicators, suppressed=suppressed, periods=periods),
                suppressed=suppressed,
                periods=periods,
                percentile_rank=rank,
                variation=cv,
            )
        )
    return rows


def write_classifications(writer: RunWriter, identity: Identity, rows: list[Classified]) -> None:
    """Write the four files; ``rows`` are ordered by node id, then entity key."""
    clock = identity.clock
    stamps = [clock.offset(classification_row(number)) for number in range(len(rows))]
    writer.lines(
        f"{_FOLDER}/classifications.jsonl",
        (_line(identity, row, stamp) for row, stamp in zip(rows, stamps, strict=True)),
    )
    writer.text(f"{_FOLDER}/classification_summary.csv", _summary(identity, rows, stamps))
    distribution = dict(Counter(row.verdict.signal_type.name for row in rows).most_common())
    severities = [row.verdict.severity for row in rows]
    done = after_classification(len(rows))
    index = {
        "run_id": identity.run_id,
        "classification_version": "simplified_v1",
        "total_entities": len(rows),
        "signal_type_distribution": distribution,
        "severity_stats": {
            "min": min(severities),
            "max": max(severities),
            "mean": math.fsum(severities) / len(severities),
        },
        "generated_at": clock.offset(done),
    }
    writer.text(f"{_FOLDER}/index.json", json.dumps(index))
    writer.json(
        f"{_FOLDER}/manifest.json",
        {
            "run_id": identity.run_id,
            "generated_at": clock.doubled_zone(done),
            "run_dir": identity.root,
            "output_dir": f"{identity.root}/{_FOLDER}",
            "node_filter": None,
            "total_entities": len(rows),
            "signal_type_distribution": distribution,
        },
    )


def _line(identity: Identity, row: Classified, stamp: str) -> Document:
    verdict = row.verdict
    return {
        "run_id": identity.run_id,
        "node_id": row.node_id,
        "entity_key": row.entity_key,
        "metric_id": row.metric_id,
        "signal_type": verdict.signal_type.name,
        "severity": verdict.severity,
        "severity_range": [verdict.signal_type.low, verdict.signal_type.high],
        "inputs": asdict(row.inputs),
        "derived_indicators": asdict(row.indicators),
        "classification_reasoning": verdict.reasoning,
        "severity_calculation": {
            "base": verdict.signal_type.base,
            "refinements": [asdict(step) for step in verdict.refinements],
            "final": verdict.severity,
        },
        "suppressed": row.suppressed,
        "period_count": row.periods,
        "magnitude_tier": magnitude_tier(row.percentile_rank),
        "trajectory_tier": trajectory_tier(row.inputs.slope_percentile),
        "consistency_tier": consistency_tier(row.inputs.zscore_std, row.periods),
        "coefficient_of_variation": row.variation,
        "timestamp": stamp,
    }


def _summary(identity: Identity, rows: list[Classified], stamps: list[str]) -> str:
    """The CSV: entity columns are the alphabetical union of all dimensions."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    inputs, indicators = list(Inputs.__slots__), list(Indicators.__slots__)
    table.writerow(
        [
            *("run_id", "node_id", "metric_id", *_DIMENSIONS),
            *("signal_type", "severity", "severity_range_min", "severity_range_max"),
            *(*inputs, *indicators, "suppressed", "period_count", "timestamp"),
        ]
    )
    for row, stamp in zip(rows, stamps, strict=True):
        kind = row.verdict.signal_type
        table.writerow(
            [
                *(identity.run_id, row.node_id, row.metric_id),
                *(row.entity_key.get(name) for name in _DIMENSIONS),
                *(kind.name, row.verdict.severity, kind.low, kind.high),
                *(getattr(row.inputs, name) for name in inputs),
                *(getattr(row.indicators, name) for name in indicators),
                *(row.suppressed, row.periods, stamp),
            ]
        )
    return text.getvalue()
