"""Statistics of a generated run, recomputed from its values with nothing but the standard library."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.artifacts import read_lines
from transforms.synth import generate_run

Json = dict[str, Any]
Facet = tuple[tuple[str, str], ...]
TIERS = [
    *("extremely_low", "very_low", "moderately_low", "slightly_low", "normal"),
    *("slightly_high", "moderately_high", "very_high", "extremely_high"),
]
Z_BOUNDS = (-3, -2, -1, -0.5, 0.5, 1, 2, 3)
PERCENTILE_BOUNDS = (5, 10, 20, 40, 60, 80, 90, 95)


def _near(expected: Any, nan_ok: bool = False) -> Any:
    return pytest.approx(expected, rel=1e-12, abs=1e-9, nan_ok=nan_ok)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate_run(tmp_path_factory.mktemp("synth"), facilities=40, metrics=2, seed=3)


@pytest.fixture(scope="module")
def nodes(run: Path) -> dict[str, list[Json]]:
    return {path.stem: read_lines(path) for path in sorted((run / "results" / "nodes").iterdir())}


def _of(nodes: dict[str, list[Json]], grain: str) -> Iterator[tuple[str, Json, list[Json]]]:
    for name, lines in nodes.items():
        if name.endswith(grain):
            yield name, lines[0], lines[1:]


def _facet(entity: Json) -> Facet:
    return tuple((item["id"], item["value"]) for item in entity["entity"][1:])


def _methods(entity: Json) -> dict[str, Json]:
    return {item["statistical_method"].split("__")[1]: item for item in entity["statistical_methods"]}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _mad(values: list[float]) -> float:
    middle = statistics.median(values)
    return 1.4826 * statistics.median([abs(value - middle) for value in values])


def _rank(value: float, values: list[float]) -> float:
    below = sum(other < value for other in values)
    equal = sum(other == value for other in values)
    return 100 * (below + 0.5 * equal) / len(values)


def _slope(points: list[tuple[int, float]]) -> float:
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    position = percent / 100 * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def test_aggregate_statistics_follow_from_the_facet(nodes: dict[str, list[Json]]) -> None:
    suppressed = scored = 0
    for _, _, entities in _of(nodes, "aggregate_time_period"):
        values: dict[Facet, list[float]] = defaultdict(list)
        for entity in entities:
            values[_facet(entity)] += [
                value for value in (entity["metric"][0]["values"],) if value is not None
            ]
        for entity in entities:
            peers, value = values[_facet(entity)], entity["metric"][0]["values"]
            simple, robust = (_methods(entity)[name] for name in ("simple_zscore", "robust_zscore"))
            for method in (simple, robust):
                assert method["runtime"]["anomaly_statistics"]["peer_count"] == len(peers)
            if value is None or len(peers) < 15:
                suppressed += 1
                assert simple["statistics"] == {
                    "simple_zscore": None,
                    "peer_mean": None,
                    "peer_std": None,
                    "percentile_rank": None,
                    "suppressed": True,
                }
                assert robust["statistics"] == {"robust_zscore": None, "suppressed": True}
                continue
            scored += 1
            mean, std = statistics.fmean(peers), statistics.pstdev(peers)
            assert simple["statistics"] == _near(
                {
                    "simple_zscore": (value - mean) / max(std, 0.01),
                    "peer_mean": mean,
                    "peer_std": std,
                    "percentile_rank": _rank(value, peers),
                    "suppressed": False,
                },
            )
            assert robust["statistics"]["robust_zscore"] == _near(
                (value - statistics.median(peers)) / max(_mad(peers), 0.01)
            )
    assert suppressed > 20
    assert scored > 200


def test_aggregate_headers_describe_each_facet(nodes: dict[str, list[Json]]) -> None:
    for _, header, entities in _of(nodes, "aggregate_time_period"):
        values: dict[Facet, list[float | None]] = defaultdict(list)
        for entity in entities:
            values[_facet(entity)].append(entity["metric"][0]["values"])
        for method in header["statistical_methods"]:
            summary = method["summary"]["global_statistics"]
            assert summary["aggregate_statistics"] == {"global_record_count": len(entities)}
            facets = {tuple(facet["facet_values"].items()): facet for facet in summary["facets"]}
            assert list(facets) == sorted(values)
            for key, facet in facets.items():
                known = [value for value in values[key] if value is not None]
                assert facet["facet_counts"] == {
                    "record_count": len(values[key]),
                    "entity_count": len(values[key]),
                    "entity_with_statistics_count": len(known),
                }
                numbers = facet["method_statistics"]
                if len(known) < 15:
                    assert numbers["global_metric_mean"] is None
                    continue
                assert numbers["global_metric_mean"] == _near(statistics.fmean(known))
                if "global_mad" in numbers:
                    assert numbers["global_metric_median"] == _near(statistics.median(known))
                    assert numbers["global_mad"] == _near(_mad(known))
                else:
                    assert numbers["global_metric_std"] == _near(statistics.pstdev(known))
                    assert numbers["std_floor_applied"] is False


def _timeline(entity: Json) -> list[tuple[str, float | None]]:
    return [(point["period"], point["value"]) for point in entity["metric"][0]["values"]["timeline"]]


def _months(entities: list[Json]) -> dict[str, list[float]]:
    months = defaultdict(list)
    for entity in entities:
        for period, value in _timeline(entity):
            if value is not None:
                months[period].append(value)
    return months


@pytest.mark.parametrize(
    ("method", "kind", "centre", "spread", "floor"),
    [
        ("trending_simple_zscore", "simple", statistics.fmean, statistics.pstdev, 0.05),
        ("trending_robust_zscore", "robust", statistics.median, _mad, 0.01),
    ],
)
def test_trending_scores_follow_from_the_month(
    method: str, kind: str, centre: Any, spread: Any, floor: float, nodes: dict[str, list[Json]]
) -> None:
    nulls = 0
    for _, _, entities in _of(nodes, "dischargeMonth"):
        peers = {month: (centre(values), spread(values)) for month, values in _months(entities).items()}
        means = [_methods(entity)[method]["statistics"][f"mean_{kind}_zscore"] for entity in entities]
        last = max(peers)
        for entity in entities:
            found = _methods(entity)[method]["statistics"]
            scores = [
                None if value is None else (value - peers[month][0]) / max(peers[month][1], floor)
                for month, value in _timeline(entity)
            ]
            known = [score for score in scores if score is not None]
            nulls += len(scores) - len(known)
            assert [_number(score) for score in found[f"per_period_{kind}_zscores"]] == _near(
                [_number(score) for score in scores], nan_ok=True
            )
            assert found[f"mean_{kind}_zscore"] == _near(statistics.fmean(known))
            assert _number(found[f"latest_{kind}_zscore"]) == _near(_number(scores[-1]), nan_ok=True)
            assert found["percentile_rank"] == _near(_rank(found[f"mean_{kind}_zscore"], means))
            assert (found["observations"], found["periods"]) == (len(known), len(scores))
            assert found["latest_period"].replace("-", "") == _timeline(entity)[-1][0]
            if kind == "robust":
                assert (found["peer_median"], found["peer_mad"]) == _near(peers[last])
    assert nulls > 0


def test_slopes_follow_from_the_timeline(nodes: dict[str, list[Json]]) -> None:
    suppressed = accelerating = 0
    for _, _, entities in _of(nodes, "dischargeMonth"):
        statistics_of = [_methods(entity)["slope_percentile"]["statistics"] for entity in entities]
        slopes = [found["slope"] for found in statistics_of if found["slope"] is not None]
        for entity, found in zip(entities, statistics_of, strict=True):
            values = [value for _, value in _timeline(entity)]
            points = [(x, value) for x, value in enumerate(values) if value is not None]
            assert found["period_count"] == len(values)
            assert found["suppressed"] is (len(values) < 6)
            if found["suppressed"]:
                suppressed += 1
                assert {found[name] for name in found if name not in ("period_count", "suppressed")} == {None}
                continue
            slope = _slope(points)
            assert found["slope"] == found["slope_weighted"] == _near(slope)
            assert found["trend_direction"] == ("increasing" if slope > 0 else "decreasing")
            assert found["slope_percentile"] == found["percentile_rank"]
            assert found["slope_percentile"] == _near(_rank(found["slope"], slopes))
            known = [value for _, value in points]
            assert found["end_start_delta"] == _near(
                statistics.fmean(known[-2:]) - statistics.fmean(known[:2])
            )
            if len(points) < 12:
                assert (found["acceleration"], found["momentum"]) == (None, None)
                continue
            accelerating += 1
            change = _slope(points[6:]) - _slope(points[:6])
            assert found["acceleration"] == _near(change)
            assert found["momentum"] == ("gaining" if change > 0 else "slowing")
    assert suppressed > 20
    assert accelerating > 100


def test_monthly_headers_pool_each_facet_and_rank_each_month(nodes: dict[str, list[Json]]) -> None:
    for _, header, entities in _of(nodes, "dischargeMonth"):
        pooled: dict[Facet, list[float]] = defaultdict(list)
        rows: dict[Facet, int] = defaultdict(int)
        members: dict[Facet, int] = defaultdict(int)
        for entity in entities:
            values = [value for _, value in _timeline(entity)]
            pooled[_facet(entity)] += [value for value in values if value is not None]
            rows[_facet(entity)] += len(values)
            members[_facet(entity)] += 1
        for method in header["statistical_methods"][:2]:
            summary = method["summary"]["global_statistics"]
            assert summary["aggregate_statistics"]["global_record_count"] == sum(rows.values())
            for facet in summary["facets"]:
                key = tuple(facet["facet_values"].items())
                assert facet["facet_counts"]["record_count"] == rows[key]
                assert facet["facet_counts"]["entity_count"] == members[key]
                assert facet["method_statistics"]["global_metric_mean"] == _near(
                    statistics.fmean(pooled[key])
                )
        trends = header["statistical_methods"][1]["summary"]["global_statistics"]["percentile_trends"]
        months = _months(entities)
        assert trends["periods"] == sorted(months)
        assert trends["sample_sizes"] == [len(months[period]) for period in trends["periods"]]
        for percent in (10, 25, 50, 75, 90):
            assert trends[f"p{percent}"] == _near(
                [_percentile(months[period], percent) for period in trends["periods"]]
            )
        assert "summary" not in header["statistical_methods"][2]


def test_tiers_and_texts_follow_from_the_statistics(nodes: dict[str, list[Json]]) -> None:
    seen = set()
    for lines in nodes.values():
        for entity in lines[1:]:
            for method in entity["statistical_methods"]:
                for rule in method["anomalies"][0]["methods"]:
                    value = method["statistics"][rule["applies_to"]]
                    bounds = PERCENTILE_BOUNDS if rule["applies_to"] == "slope_percentile" else Z_BOUNDS
                    expected = "no_score" if value is None else TIERS[sum(value > bound for bound in bounds)]
                    assert (rule["statistic_value"], rule["anomaly"]) == (value, expected)
                    text = rule["interpretation"]["rendered"]
                    assert value is None or f"{value:.4f}" in text
                    assert "{" not in text
                    seen.add(expected)
    assert seen == {*TIERS, "no_score"}


def test_monthly_metadata_sums_its_months(nodes: dict[str, list[Json]]) -> None:
    lengths = set()
    for _, header, entities in _of(nodes, "dischargeMonth"):
        window = header["summary"]["temporal_context"]
        for entity in entities:
            timeline = _timeline(entity)
            periods = [period for period, _ in timeline]
            lengths.add(len(periods))
            assert periods == sorted(set(periods))
            assert window["start_period"] <= periods[0]
            assert periods[-1] <= window["end_period"]
            runtime = entity["metric"][0]["temporal_runtime"]
            observed = sum(value is not None for _, value in timeline)
            assert runtime == {
                "observed_count": observed,
                "missing_count": len(timeline) - observed,
                "coverage_ratio": observed / len(timeline),
                "fill_strategy": "null",
            }
            for name, months in entity["metadata"]["per_period"].items():
                assert [month["period"].replace("-", "") for month in months] == periods
                assert entity["metadata"][name] == pytest.approx(
                    math.fsum(month["value"] for month in months), abs=1e-8
                )
            assert entity["metadata"]["uniquePatients"] <= entity["metadata"]["encounters"]
    assert lengths == set(range(1, 13))


def test_aggregate_and_monthly_nodes_have_the_same_entities(nodes: dict[str, list[Json]]) -> None:
    for name, header, entities in _of(nodes, "aggregate_time_period"):
        monthly = nodes[name.replace("aggregate_time_period", "dischargeMonth")]
        assert [entity["entity"] for entity in entities] == [entity["entity"] for entity in monthly[1:]]
        keys = [[item["value"] for item in entity["entity"]] for entity in entities]
        assert keys == sorted(keys)
        assert len({json.dumps(key) for key in keys}) == len(keys) == header["entity_results_count"]


def test_small_groups_are_suppressed_altogether(tmp_path: Path) -> None:
    run = generate_run(tmp_path, facilities=9, months=4)
    facility = read_lines(run / "results/nodes/losIndex__medicareId__dischargeMonth.jsonl")[1:]
    for entity in facility:
        for method in entity["statistical_methods"]:
            assert method["statistics"]["suppressed"]
            assert {rule["anomaly"] for rule in method["anomalies"][0]["methods"]} == {"no_score"}
    rows = read_lines(run / "analysis/classification/classifications.jsonl")
    assert {row["signal_type"] for row in rows} == {"suspect_data"}
