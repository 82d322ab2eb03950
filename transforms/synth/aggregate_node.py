"""Entity lines of aggregate nodes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from transforms.synth.headers import Document
from transforms.synth.measures import Measures
from transforms.synth.methods import ROBUST, SIMPLE, Method
from transforms.synth.numbers import nullable
from transforms.synth.peers import AggregatePeers
from transforms.synth.population import Entities, Population
from transforms.synth.taxonomy import Metric

OK_SUMMARY: Document = {"has_issues": False, "highest_severity": "ok", "severity_counts": {}}


def aggregate_lines(
    metric: Metric, population: Population, entities: Entities, measures: Measures, peers: AggregatePeers
) -> Iterator[Document]:
    """One line an entity, in the order of the keys."""
    facet = entities.facet
    values = nullable(measures.aggregate)
    counts = peers.facets.count[facet].tolist()
    simple = zip(
        nullable(peers.simple),
        nullable(np.where(peers.suppressed, np.nan, peers.facets.mean[facet])),
        nullable(np.where(peers.suppressed, np.nan, peers.facets.std[facet])),
        nullable(peers.rank),
        peers.suppressed.tolist(),
        strict=True,
    )
    robust = zip(nullable(peers.robust), peers.suppressed.tolist(), strict=True)
    metadata = _metadata(population, entities, measures)
    for index, (simple_row, robust_row) in enumerate(zip(simple, robust, strict=True)):
        name = subject(entities, index)
        yield {
            "entity": entities.items(index),
            "metric": [{"metadata": {"metric_id": metric.metric_id}, "values": values[index]}],
            "metadata": metadata[index],
            "statistical_methods": [
                _method(SIMPLE, name, dict(zip(_SIMPLE_KEYS, simple_row, strict=True)), counts[index]),
                _method(ROBUST, name, dict(zip(_ROBUST_KEYS, robust_row, strict=True)), counts[index]),
            ],
        }


_SIMPLE_KEYS = ("simple_zscore", "peer_mean", "peer_std", "percentile_rank", "suppressed")
_ROBUST_KEYS = ("robust_zscore", "suppressed")


def subject(entities: Entities, index: int) -> str:
    """Name of an entity in interpretations."""
    return f"Medicare Id {entities.keys[index][0]}"


def _method(method: Method, name: str, statistics: Document, peer_count: int) -> Document:
    return {
        "statistical_method": method.id,
        "statistics": statistics,
        "anomalies": method.anomalies(name, statistics),
        "runtime": {
            "status": "ok",
            "summary": OK_SUMMARY,
            "issues": [],
            "anomaly_statistics": {"peer_count": peer_count},
        },
    }


def _metadata(population: Population, entities: Entities, measures: Measures) -> list[Document]:
    """Metadata columns; counts are integral floats here, as the engine writes them."""
    columns = zip(
        measures.encounters.sum(axis=1).astype(np.float64).tolist(),
        entities.facility.tolist(),
        measures.outliers.sum(axis=1).astype(np.float64).tolist(),
        measures.unique_patients.sum(axis=1).astype(np.float64).tolist(),
        measures.aggregate_observed_days.tolist(),
        measures.aggregate_expected_days.tolist(),
        strict=True,
    )
    return [
        {
            "encounters": encounters,
            "systemName": population.facilities[facility].system,
            "facility": population.facilities[facility].name,
            "losOutliers": outliers,
            "uniquePatients": patients,
            "losMeanObservedDays": observed,
            "losMeanExpectedDays": expected,
            "losVarianceDays": round(encounters * (observed - expected), 2),
        }
        for encounters, facility, outliers, patients, observed, expected in columns
    ]
