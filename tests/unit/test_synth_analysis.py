"""Analyses of a generated run against its node files: classifications, contributions, the rest."""

from __future__ import annotations

import csv
import json
import math
import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.support.artifacts import read_lines
from transforms.run import open_run
from transforms.stage import stage_run
from transforms.synth import generate_run
from transforms.synth.classification import CHRONIC, CRITICAL, SUSTAINED, Inputs, classify, indicate

Json = dict[str, Any]
POSITIONS = [(-1.5, "excellent"), (-0.5, "favorable")]
TYPES = {
    "favorable": ["improving_leader", "improving_leader", "baseline", "baseline", "baseline"],
    "normal": ["improving_leader", "improving_leader", "baseline", "emerging_risk", "emerging_risk"],
    "marginal": ["baseline", "baseline", "baseline", "emerging_risk", "emerging_risk"],
}
TRENDS = ["rapidly_improving", "improving", "stable", "worsening", "rapidly_worsening"]
RANGES = {
    "improving_leader": [13, 25],
    "baseline": [26, 59],
    "emerging_risk": [60, 70],
    "suspect_data": [50, 50],
    "chronic_underperformer": [81, 90],
}


def _near(expected: Any, nan_ok: bool = False) -> Any:
    return pytest.approx(expected, rel=1e-12, abs=1e-9, nan_ok=nan_ok)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate_run(tmp_path_factory.mktemp("synth"), facilities=40, metrics=2, seed=3)


@pytest.fixture(scope="module")
def classified(run: Path) -> list[Json]:
    return read_lines(run / "analysis/classification/classifications.jsonl")


@pytest.fixture(scope="module")
def entities(run: Path) -> dict[tuple[str, str], Json]:
    """Entity lines by node and key."""
    found = {}
    for path in (run / "results/nodes").iterdir():
        for entity in read_lines(path)[1:]:
            found[path.stem, _key({item["id"]: item["value"] for item in entity["entity"]})] = entity
    return found


def _key(key: dict[str, str]) -> str:
    return json.dumps(key, sort_keys=True)


def _statistics(entity: Json, method: str) -> Json:
    return next(
        item["statistics"]
        for item in entity["statistical_methods"]
        if item["statistical_method"].split("__")[1] == method
    )


def _position(zscore: float) -> str:
    for bound, name in POSITIONS:
        if zscore <= bound:
            return name
    return "normal" if zscore < 0.5 else "marginal" if zscore < 1 else "elevated" if zscore < 2 else "severe"


def _trend(percentile: float | None) -> str:
    if percentile is None:
        return "stable"
    return TRENDS[sum(percentile >= bound for bound in (10, 30, 70, 90))]


def _momentum(acceleration: float | None) -> str:
    if acceleration is None or abs(acceleration) <= 0.005:
        return "neutral"
    return "accelerating" if acceleration > 0 else "decelerating"


def test_each_aggregate_entity_is_classified_once(
    classified: list[Json], entities: dict[tuple[str, str], Json]
) -> None:
    keys = [(row["node_id"], _key(row["entity_key"])) for row in classified]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {key for key in entities if key[0].endswith("aggregate_time_period")}


def test_inputs_come_from_the_monthly_node(
    classified: list[Json], entities: dict[tuple[str, str], Json]
) -> None:
    for row in classified:
        monthly_node = row["node_id"].replace("aggregate_time_period", "dischargeMonth")
        monthly = entities[monthly_node, _key(row["entity_key"])]
        aggregate = entities[row["node_id"], _key(row["entity_key"])]
        trend = _statistics(monthly, "trending_simple_zscore")
        slope = _statistics(monthly, "slope_percentile")
        scores = [score for score in trend["per_period_simple_zscores"] if score is not None]
        assert row["inputs"]["aggregate_zscore"] == trend["mean_simple_zscore"]
        assert row["inputs"]["slope_percentile"] == slope["slope_percentile"]
        assert row["inputs"]["acceleration"] == slope["acceleration"]
        assert row["inputs"]["zscore_std"] == _near(statistics.pstdev(scores))
        assert row["inputs"]["max_abs_deviation"] == max(map(abs, scores))
        assert row["period_count"] == len(monthly["metric"][0]["values"]["timeline"])
        assert row["suppressed"] is _statistics(aggregate, "simple_zscore")["suppressed"]


def test_indicators_types_and_severities_follow_the_rules(classified: list[Json]) -> None:
    for row in classified:
        inputs, indicators = row["inputs"], row["derived_indicators"]
        position, trend = indicators["position"], indicators["trend"]
        assert position == _position(inputs["aggregate_zscore"])
        assert trend == _trend(inputs["slope_percentile"])
        assert indicators["momentum"] == _momentum(inputs["acceleration"])
        assert indicators["consistency"] == ("consistent" if inputs["zscore_std"] < 0.5 else "variable")
        suspect = row["suppressed"] or row["period_count"] < 3
        assert (row["signal_type"] == "suspect_data") is suspect
        if position in TYPES and not suspect:
            assert row["signal_type"] == TYPES[position][TRENDS.index(trend)]
        low, high = row["severity_range"]
        assert 0 <= low <= row["severity"] <= high <= 100
        assert RANGES.get(row["signal_type"], [low, high]) == [low, high]
        calculation = row["severity_calculation"]
        assert (
            calculation["final"]
            == row["severity"]
            == calculation["base"] + sum(step["adjustment"] for step in calculation["refinements"])
        )
        if row["signal_type"] == "baseline":
            assert row["severity"] == _baseline_severity(inputs)


def _baseline_severity(inputs: Json) -> int:
    zscore, percentile = inputs["aggregate_zscore"], inputs["slope_percentile"]
    steps: int = (zscore >= 0.5) + (zscore >= 1) - (zscore <= -0.5) - (zscore <= -1)
    if percentile is not None:
        steps += sum(percentile >= bound for bound in (20, 40, 60, 80)) - 2
    return 42 + steps


@pytest.mark.parametrize(
    ("inputs", "signal_type"),
    [
        (Inputs(-1.5, 10.0, None, 0.4, 2.0), SUSTAINED),
        (Inputs(1.0, 90.0, None, 0.4, 2.0), CHRONIC),
        (Inputs(2.0, 95.0, 0.02, 0.4, 2.5), CRITICAL),
    ],
)
def test_bounds_belong_to_the_documented_side(inputs: Inputs, signal_type: object) -> None:
    indicators = indicate(inputs)
    assert classify(inputs, indicators, suppressed=False, periods=12).signal_type is signal_type


def test_the_chronic_severity_seen_in_a_real_run() -> None:
    inputs = Inputs(1.2465, 90.83, None, 0.409, 1.9)
    assert classify(inputs, indicate(inputs), suppressed=False, periods=12).severity == 88


def test_the_csv_says_what_the_lines_say(run: Path, classified: list[Json]) -> None:
    text = (run / "analysis/classification/classification_summary.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(classified)
    assert [row["timestamp"] for row in rows] == sorted({row["timestamp"] for row in rows})
    order = [
        (row["node_id"], row["medicareId"], row["dischargeStatus"], row["vizientServiceLine"]) for row in rows
    ]
    assert order == sorted(order)
    for row, line in zip(rows, classified, strict=True):
        names = ("dischargeStatus", "medicareId", "vizientServiceLine", "vizientSubServiceLine")
        assert {name: row[name] for name in names if row[name]} == line["entity_key"]
        for name, value in {**line["inputs"], **line["derived_indicators"]}.items():
            assert row[name] == ("" if value is None else str(value))
        assert [int(row["severity_range_min"]), int(row["severity_range_max"])] == line["severity_range"]
        for name in ("signal_type", "severity", "suppressed", "period_count", "timestamp"):
            assert row[name] == str(line[name])


def test_summaries_count_the_rows(run: Path, classified: list[Json]) -> None:
    folder = run / "analysis/classification"
    index, manifest = (json.loads((folder / name).read_text()) for name in ("index.json", "manifest.json"))
    expected = dict(Counter(row["signal_type"] for row in classified))
    assert index["total_entities"] == manifest["total_entities"] == len(classified)
    assert index["signal_type_distribution"] == manifest["signal_type_distribution"] == expected
    severities = [row["severity"] for row in classified]
    assert index["severity_stats"] == pytest.approx(
        {"min": min(severities), "max": max(severities), "mean": statistics.fmean(severities)}
    )


def test_all_nine_signal_types_occur(tmp_path: Path) -> None:
    run = generate_run(tmp_path, facilities=118)
    index = json.loads((run / "analysis/classification/index.json").read_text())
    assert len(index["signal_type_distribution"]) == 9


def test_contribution_index_lists_each_node_and_file(run: Path) -> None:
    folder = run / "analysis/contribution"
    index = json.loads((folder / "index.json").read_text())
    graph = json.loads((run / "graph.json").read_text())
    assert [parent["parent_node_id"] for parent in index["parents"]] == [
        node["id"] for node in graph["nodes"]
    ]
    segments = defaultdict(list)
    for edge in graph["edges"]:
        if edge["type"] == "segments_into":
            segments[edge["source"]].append(edge["target"])
    for parent in index["parents"]:
        metric = parent["parent_node_id"].split("__")[0]
        names = (metric, "robust_zscore", "simple_zscore")
        expected = [f"{child}.{name}.jsonl" for child in segments[parent["parent_node_id"]] for name in names]
        files = parent["metric_artifacts"]
        assert [file["artifact_path"] for file in files] == expected
        assert parent["metrics"] == {file["metric_id"]: file["artifact_path"] for file in files}
        assert parent["child_rows"] == sum(file["row_count"] for file in files)
        for file in files:
            assert len(read_lines(folder / file["artifact_path"])) == file["row_count"]
    listed = {file["artifact_path"] for parent in index["parents"] for file in parent["metric_artifacts"]}
    assert {path.name for path in folder.glob("*.jsonl")} == listed


def test_contributions_decompose_the_parent(run: Path, entities: dict[tuple[str, str], Json]) -> None:
    nulls = 0
    for path in (run / "analysis/contribution").glob("*.jsonl"):
        rows = read_lines(path)
        siblings: dict[str, list[Json]] = defaultdict(list)
        for row in rows:
            siblings[_key(row["parent_entity"])].append(row)
            parent = entities[row["parent_node_id"], _key(row["parent_entity"])]
            child = entities[row["child_node_id"], _key(row["child_entity"])]
            assert row["weight_value"] == child["metadata"]["encounters"]
            assert row["parent_entity"].items() <= row["child_entity"].items()
            for entity, value in ((parent, row["parent_value"]), (child, row["child_value"])):
                metric = entity["metric"][0]
                expected = (
                    metric["values"]
                    if row["metric_id"] == metric["metadata"]["metric_id"]
                    else _statistics(entity, row["metric_id"])[row["metric_id"]]
                )
                assert value == expected
            value, parent_value, share = (
                row[name] for name in ("child_value", "parent_value", "weight_share")
            )
            assert row["raw_component"] == (None if value is None else pytest.approx(share * value))
            if value is None or parent_value is None:
                nulls += 1
                assert row["excess_over_parent"] is None
                assert row["missing_inputs"]
            else:
                assert row["excess_over_parent"] == _near(share * (value - parent_value))
        for group in siblings.values():
            total = math.fsum(row["weight_value"] for row in group)
            assert math.fsum(row["weight_share"] for row in group) == pytest.approx(1, abs=1e-9)
            for row in group:
                assert row["weight_share"] == _near(row["weight_value"] / total)
    assert nulls > 0


def test_narratives_hold_every_section(run: Path) -> None:
    stories = sorted((run / "analysis/narrative").iterdir())
    assert len(stories) == 10
    text = max((story.read_text(encoding="utf-8") for story in stories), key=len)
    for heading in (
        "## Cross-Metric Peer Comparison",
        "## Executive Summary",
        "## Pareto Analysis: Cumulative Impact",
        "## Top Drivers of Higher LOS (Positive Excess)",
        "## Top Drivers of Lower LOS (Negative Excess)",
        "## Insights: Internal vs External Comparison",
        "## Hierarchical Contribution Breakdown",
    ):
        assert heading in text
    assert re.search(r"^# Contribution Analysis: Medicare ID \w+$", text, re.M)
    assert re.search(r"^\*\*Generated\*\*: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", text, re.M)
    assert re.search(r"\| └─ SSL \|", text)
    widths = {line.count("|") - 1 for line in text.splitlines() if line.startswith("|")}
    assert widths == {4, 8, 13}


def test_a_narrative_gives_the_facility_its_value(run: Path, entities: dict[tuple[str, str], Json]) -> None:
    for story in (run / "analysis/narrative").iterdir():
        facility = story.stem.removeprefix("contribution_")
        entity = entities["losIndex__medicareId__aggregate_time_period", _key({"medicareId": facility})]
        assert f"**Facility LOS Index**: {entity['metric'][0]['values']:.4f}\n" in story.read_text()


def test_staging_finds_nothing_wrong_and_reads_every_family(run: Path) -> None:
    data = stage_run(open_run(run))
    assert data.findings == []
    assert [name for name, count in data.row_counts.items() if count == 0] == []


def test_models_name_the_shap_summaries_of_the_run(run: Path) -> None:
    drivers = stage_run(open_run(run)).frames["raw_model_drivers"]
    assert set(drivers["estimator"]) == {"ridge", "xgboost", "lightgbm"}
    assert (drivers["mean_abs_shap"] >= drivers["mean_shap"].abs()).all()
    assert drivers.select("experiment_index", "feature").is_unique().all()
