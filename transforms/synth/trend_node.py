"""Entity lines of monthly nodes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from transforms.synth import labels
from transforms.synth.aggregate_node import OK_SUMMARY, subject
from transforms.synth.headers import Document
from transforms.synth.measures import Measures
from transforms.synth.methods import SLOPE, TRENDING_ROBUST, TRENDING_SIMPLE, Method
from transforms.synth.numbers import nullable, nullable_rows
from transforms.synth.peers import TrendPeers, latest
from transforms.synth.population import Entities, Population
from transforms.synth.streams import FloatArray, IntArray
from transforms.synth.taxonomy import Metric

_OTHER_SYSTEM_EVERY = 7


def trend_lines(
    metric: Metric, population: Population, entities: Entities, measures: Measures, peers: TrendPeers
) -> Iterator[Document]:
    """One line an entity, in the order of the keys."""
    lengths = entities.lengths.tolist()
    observed = peers.observations.tolist()
    values = nullable_rows(measures.monthly)
    months = entities.timeline.tolist()
    simple = _trending_simple(population, entities, peers)
    robust = _trending_robust(population, entities, peers)
    slope = _slope(entities, peers)
    metadata = _metadata(population, entities, measures)
    for index, length in enumerate(lengths):
        name = subject(entities, index)
        points = [
            {"period": population.periods[months[index][position]], "value": values[index][position]}
            for position in range(length)
        ]
        yield {
            "entity": entities.items(index),
            "metric": [
                {
                    "metadata": {"metric_id": metric.metric_id},
                    "values": {"timeline": points},
                    "temporal_runtime": {
                        "observed_count": observed[index],
                        "missing_count": length - observed[index],
                        "coverage_ratio": observed[index] / length,
                        "fill_strategy": "null",
                    },
                }
            ],
            "metadata": metadata[index],
            "statistical_methods": [
                _method(TRENDING_SIMPLE, name, simple[index]),
                _method(TRENDING_ROBUST, name, robust[index]),
                _method(SLOPE, name, slope[index]),
            ],
        }


def _method(method: Method, name: str, statistics: Document) -> Document:
    return {
        "statistical_method": method.id,
        "statistics": statistics,
        "anomalies": method.anomalies(name, statistics),
        "runtime": {"status": "ok", "summary": OK_SUMMARY, "issues": []},
    }


def _dashed(period: str) -> str:
    """The spelling YYYY-MM, which the engine uses beside YYYYMM."""
    return f"{period[:4]}-{period[4:]}"


def _latest_periods(population: Population, entities: Entities) -> list[str]:
    dashed = [_dashed(period) for period in population.periods]
    return [
        dashed[months[length - 1]]
        for months, length in zip(entities.timeline.tolist(), entities.lengths.tolist(), strict=True)
    ]


def _trending_simple(population: Population, entities: Entities, peers: TrendPeers) -> list[Document]:
    return [
        {
            "mean_simple_zscore": mean,
            "observations": observations,
            "periods": length,
            "latest_simple_zscore": last,
            "latest_period": period,
            "percentile_rank": rank,
            "suppressed": peers.suppressed,
            "per_period_simple_zscores": scores[:length],
        }
        for mean, observations, length, last, period, rank, scores in zip(
            nullable(peers.mean_simple),
            peers.observations.tolist(),
            entities.lengths.tolist(),
            nullable(latest(peers.simple, entities.lengths)),
            _latest_periods(population, entities),
            nullable(peers.rank_simple),
            nullable_rows(peers.simple),
            strict=True,
        )
    ]


def _trending_robust(population: Population, entities: Entities, peers: TrendPeers) -> list[Document]:
    median, mad = (
        None if peers.suppressed else nullable(values)[-1]
        for values in (peers.months.median, peers.months.mad)
    )
    return [
        {
            "mean_robust_zscore": mean,
            "observations": observations,
            "periods": length,
            "latest_robust_zscore": last,
            "latest_period": period,
            "percentile_rank": rank,
            "peer_median": median,
            "peer_mad": mad,
            "winsor_applied": False,
            "suppressed": peers.suppressed,
            "per_period_robust_zscores": scores[:length],
        }
        for mean, observations, length, last, period, rank, scores in zip(
            nullable(peers.mean_robust),
            peers.observations.tolist(),
            entities.lengths.tolist(),
            nullable(latest(peers.robust, entities.lengths)),
            _latest_periods(population, entities),
            nullable(peers.rank_robust),
            nullable_rows(peers.robust),
            strict=True,
        )
    ]


def _sign(value: float | None, positive: str, zero: str, negative: str) -> str | None:
    if value is None:
        return None
    if value == 0:
        return zero
    return positive if value > 0 else negative


def _slope(entities: Entities, peers: TrendPeers) -> list[Document]:
    return [
        {
            "slope": slope,
            "slope_weighted": slope,
            "acceleration": acceleration,
            "end_start_delta": delta,
            "period_count": length,
            "trend_direction": _sign(slope, "increasing", "stable", "decreasing"),
            "percentile_rank": rank,
            "momentum": _sign(acceleration, "gaining", "steady", "slowing"),
            "suppressed": suppressed,
            "slope_percentile": rank,
        }
        for slope, acceleration, delta, length, rank, suppressed in zip(
            nullable(peers.slope),
            nullable(peers.acceleration),
            nullable(peers.end_start_delta),
            entities.lengths.tolist(),
            nullable(peers.slope_percentile),
            peers.slope_suppressed.tolist(),
            strict=True,
        )
    ]


def _metadata(population: Population, entities: Entities, measures: Measures) -> list[Document]:
    """Metadata columns: plain sums of the months beside the months, even for means.

    The system is that of the first source row, so some facilities have another one here.
    """
    dashed = [_dashed(period) for period in population.periods]
    periods = [
        [dashed[month] for month in months[:length]]
        for months, length in zip(entities.timeline.tolist(), entities.lengths.tolist(), strict=True)
    ]
    columns: dict[str, IntArray | FloatArray] = {
        "encounters": measures.encounters,
        "losOutliers": measures.outliers,
        "uniquePatients": measures.unique_patients,
        "losMeanObservedDays": measures.observed_days,
        "losMeanExpectedDays": measures.expected_days,
        "losVarianceDays": measures.variance_days,
    }
    rows = {name: values.tolist() for name, values in columns.items()}
    documents = []
    for index, facility in enumerate(entities.facility.tolist()):
        months = periods[index]
        per_period = {
            name: [
                {"period": period, "value": value}
                for period, value in zip(months, values[index], strict=False)
            ]
            for name, values in rows.items()
        }
        total = {name: _total(values[index][: len(months)]) for name, values in rows.items()}
        known = population.facilities[facility]
        documents.append(
            {
                "encounters": total.pop("encounters"),
                "systemName": _other_system(known.system)
                if facility % _OTHER_SYSTEM_EVERY == 0
                else known.system,
                "facility": known.name,
                **total,
                "per_period": per_period,
            }
        )
    return documents


def _total(values: list[int] | list[float]) -> int | float:
    """Exactly rounded sum; integers stay integers."""
    return sum(values) if isinstance(values[0], int) else round(math.fsum(values), 3)


def _other_system(system: str) -> str:
    position = labels.SYSTEMS.index(system)
    return labels.SYSTEMS[(position + 1) % len(labels.SYSTEMS)]
