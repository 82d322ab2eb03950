"""Metrics of really ingested runs, compared with sums over their artifacts."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.artifacts import Artifacts, Json, read_lines
from tests.support.compass import compass, serving

pytestmark = pytest.mark.slow

_BANDS = (("critical", 80), ("high", 60), ("moderate", 40), ("watch", 0))


def _band(severity: int) -> str:
    return next(name for name, least in _BANDS if severity >= least)


def _encounters(run: Artifacts) -> dict[str, int]:
    """Encounters of each facility: the most that a metric counts of it."""
    found: dict[str, int] = {}
    for path in (run.run / "results" / "nodes").glob("*__medicareId__aggregate_time_period.jsonl"):
        for entity in read_lines(path)[1:]:
            (facility,) = (item["value"] for item in entity["entity"] if item["id"] == "medicareId")
            count = entity["metadata"]["encounters"]
            if count is not None:
                found[facility] = max(found.get(facility, 0), count)
    return found


def _contributions(run: Artifacts) -> list[Json]:
    """Contributions to metrics, those to their statistics left out."""
    return [
        row
        for path in (run.run / "analysis" / "contribution").glob("*.jsonl")
        for row in read_lines(path)
        if row["parent_node_id"].split("__")[0] == row["metric_id"]
    ]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _variance(signal: Json) -> float | None:
    benchmark = signal["peer_mean"]
    return (signal["metric_value"] - benchmark) / abs(benchmark) if benchmark else None


def _expected(runs: list[Artifacts]) -> dict[str, Any]:
    """Value of every metric, ungrouped. ``runs`` are in the order they were loaded in."""
    signals = [signal for run in runs for signal in run.signals.values()]
    bands = Counter(_band(signal["simplified_severity"]) for signal in signals)
    domains = Counter(signal["domain"] for signal in signals)
    facilities = {signal["facility_id"] for signal in signals}
    encounters: dict[str, int] = {}
    for run in runs:
        encounters |= _encounters(run)
    contributions = [row for run in runs for row in _contributions(run)]
    excess = [row["excess_over_parent"] for row in contributions if row["excess_over_parent"] is not None]
    raising = sum(each > 0 for each in excess)
    count = len(signals)
    simple = [signal["technical"]["simple_zscore"] for signal in signals]
    robust = [signal["technical"]["robust_zscore"] for signal in signals]
    return {
        "total_signals": count,
        "critical_signals": bands["critical"],
        "high_priority_signals": bands["high"],
        "moderate_signals": bands["moderate"],
        "watch_signals": bands["watch"],
        "critical_signal_rate": bands["critical"] / count,
        "actionable_signal_rate": (bands["critical"] + bands["high"]) / count,
        "signals_per_facility": count / len(facilities),
        "efficiency_signals": domains["Efficiency"],
        "safety_signals": domains["Safety"],
        "effectiveness_signals": domains["Effectiveness"],
        "efficiency_signal_share": domains["Efficiency"] / count,
        "safety_signal_share": domains["Safety"] / count,
        "avg_z_score_magnitude": _mean(None if z is None else abs(z) for z in simple),
        "avg_robust_zscore_magnitude": _mean(None if z is None else abs(z) for z in robust),
        "avg_variance_from_benchmark": _mean(map(_variance, signals)),
        "unique_facilities": len(facilities),
        "total_encounters_covered": sum(encounters.values()),
        "total_contributions": len(contributions),
        "positive_contributors": raising,
        "negative_contributors": sum(each < 0 for each in excess),
        "positive_contributor_rate": raising / len(contributions) if contributions else None,
        "avg_impact_score": _mean(map(abs, excess)),
        "cumulative_signals": count,
        "cumulative_encounters": sum(encounters.values()),
    }


def _query(client: httpx.Client, metric: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.post(f"/api/metrics/query/{metric}", json=query).raise_for_status()
    return list(answer.json()["rows"])


def _assert_measured(client: httpx.Client, runs: list[Artifacts]) -> None:
    expected = _expected(runs)
    definitions = client.get("/api/metrics/definitions").raise_for_status().json()
    assert {definition["name"] for definition in definitions} == expected.keys()
    for metric, value in expected.items():
        ((found,),) = (row.values() for row in _query(client, metric))
        assert found == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), metric
        assert isinstance(found, int | float | None), metric
    signals = [signal for run in runs for signal in run.signals.values()]
    for dimension in ("facility_id", "service_line", "sub_service_line", "metric_id", "domain"):
        counts = Counter(signal[dimension] for signal in signals)
        critical = Counter(signal[dimension] for signal in signals if signal["simplified_severity"] >= 80)
        rows = _query(client, "total_signals", group_by=[dimension], limit=10_000)
        assert {row[dimension]: row["total_signals"] for row in rows} == dict(counts)
        rates = _query(client, "critical_signal_rate", group_by=[dimension], limit=10_000)
        assert {row[dimension]: row["critical_signal_rate"] for row in rates} == {
            value: pytest.approx(critical[value] / count) for value, count in counts.items()
        }
    facility = signals[0]["facility_id"]
    assert _query(client, "total_signals", where=f"facility_id = '{facility}'") == [
        {"total_signals": sum(signal["facility_id"] == facility for signal in signals)}
    ]
    by_day = _query(client, "total_signals", group_by=["detected_at"])
    running = _query(client, "cumulative_signals", group_by=["detected_at"])
    assert sum(row["total_signals"] for row in by_day) == len(signals)
    assert running[-1]["cumulative_signals"] == len(signals)


def _assert_catalogued(client: httpx.Client, run: Artifacts) -> None:
    """Domain and polarity of every metric are those of the run, in the catalogue and in signals."""
    bundle = json.loads((run.run / "metadata_bundle.json").read_text(encoding="utf-8"))
    body = client.get("/api/metrics").raise_for_status().json()
    metrics = {metric["metric_id"]: metric for metric in body["metrics"]}
    assert body["count"] == len(metrics) == len(body["metrics"])
    for written in bundle["metrics"]:
        served = metrics[written["metric_id"]]
        assert (served["domain"], served["direction"]) == (written["domain"], written["polarity"])
    assert {"losIndex", "clabsiRate", "mortalityRate"} <= metrics.keys()
    for signal in run.signals.values():
        assert metrics[signal["metric_id"]]["domain"] == signal["domain"]


def test_metrics_of_the_sample_run(ingested_url: str) -> None:
    from transforms.sample import sample_run

    run = Artifacts(sample_run())
    with serving(ingested_url) as client:
        _assert_measured(client, [run])
        _assert_catalogued(client, run)


@pytest.mark.thorough
def test_metrics_of_reference_runs(fresh_migrated_url: str, shared_folder: Path) -> None:
    """Several runs of one graph, of which the last one counts, and several graphs side by side."""
    paths = [
        *sorted((shared_folder / "runs").glob("*/*")),
        *sorted((shared_folder / "runs_generated").glob("*/*")),
    ]
    for path in paths:
        compass("ingest", str(path), database_url=fresh_migrated_url)
    published = {run.graph: run for run in map(Artifacts, paths)}
    assert len(published) == 2
    with serving(fresh_migrated_url) as client:
        _assert_measured(client, list(published.values()))
        _assert_catalogued(client, list(published.values())[-1])


def test_before_anything_is_ingested(fresh_migrated_url: str) -> None:
    """The catalogue and the definitions are there; there is nothing to count."""
    with serving(fresh_migrated_url) as client:
        assert client.get("/api/metrics").json()["count"] == 15
        assert len(client.get("/api/metrics/definitions").json()) == 25
        assert _query(client, "total_signals") == []
