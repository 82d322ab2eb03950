"""What a run's artifacts say its signals are, read with nothing but the standard library.

Written apart from the product's own staging on purpose: it is what the served values are
compared with.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def read_lines(path: Path) -> list[Json]:
    """Every JSON line of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def canonical(values: dict[str, str]) -> str:
    """The text PostgreSQL prints for a flat object of strings."""
    ordered = sorted(values, key=lambda name: (len(name.encode()), name.encode()))
    pairs = (
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(values[name], ensure_ascii=False)}"
        for name in ordered
    )
    return "{" + ", ".join(pairs) + "}"


def signal_id(graph: str, metric: str, node: str, facility: str, dimensions: dict[str, str]) -> str:
    """Id a signal of this identity has, as a UUID in lower case."""
    dimensions_hash = hashlib.md5(canonical(dimensions).encode(), usedforsecurity=False).hexdigest()
    identity = json.dumps([graph, metric, node, facility, dimensions_hash], ensure_ascii=False)
    return str(uuid.UUID(hashlib.md5(identity.encode(), usedforsecurity=False).hexdigest()))


def _methods(entity: Json) -> dict[str, Json]:
    return {item["statistical_method"].split("__")[1]: item for item in entity["statistical_methods"]}


def _live(methods: dict[str, Json], name: str) -> Json:
    """Statistics of a method, none where it is absent or suppressed."""
    statistics: Json = methods.get(name, {}).get("statistics", {})
    return {} if statistics.get("suppressed", True) else statistics


def _label(methods: dict[str, Json], method: str, statistic: str) -> str | None:
    for profile in methods.get(method, {}).get("anomalies", []):
        for rule in profile["methods"]:
            if rule["applies_to"] == statistic:
                return str(rule["anomaly"])
    return None


def _facet_mean(header: Json, dimensions: dict[str, str]) -> float | None:
    for method in header["statistical_methods"]:
        if "__simple_zscore__" not in method["statistical_method"]:
            continue
        for facet in method["summary"]["global_statistics"]["facets"]:
            if facet["facet_values"] == dimensions:
                mean: float | None = facet["method_statistics"]["global_metric_mean"]
                return mean
    return None


class Artifacts:
    """One run directory; ``signals`` maps signal ids to what the dashboard must show."""

    def __init__(self, run: Path) -> None:
        self.run = run
        manifest = json.loads((run / "run_manifest.json").read_text())
        self.graph = manifest["run_label"]
        self.run_id = manifest["run_id"]
        self.run_key = f"{self.graph}/{self.run_id}"
        graph = json.loads((run / "graph.json").read_text())
        self.edges: list[Json] = graph["edges"]
        self.domains = {
            metric["metric_id"]: metric["domain"]
            for metric in json.loads((run / "metadata_bundle.json").read_text())["metrics"]
        }
        self._nodes = {
            node["id"]: read_lines(run / "results" / "nodes" / f"{node['id']}.jsonl")
            for node in graph["nodes"]
        }
        self._classifications = {
            (row["node_id"], canonical(row["entity_key"])): row
            for row in read_lines(run / "analysis" / "classification" / "classifications.jsonl")
        }
        self._grains = {node["id"]: node["time_grain"] for node in graph["nodes"]}
        self.signals = dict(self._signals())

    def _signals(self) -> list[tuple[str, Json]]:
        found = []
        for node_id, lines in self._nodes.items():
            if self._grains[node_id] != "aggregate_time_period":
                continue
            temporal_node, temporal = self._temporal(node_id)
            for entity in lines[1:]:
                expected = self._expected(node_id, lines[0], entity, temporal_node, temporal)
                if expected is not None:
                    found.append((expected["id"], expected))
        return found

    def _temporal(self, node_id: str) -> tuple[str | None, dict[str, Json]]:
        for edge in self.edges:
            if edge["source"] == node_id and edge["type"] == "trends_to":
                target = edge["target"]
                return target, {_key(entity): entity for entity in self._nodes[target][1:]}
        return None, {}

    def _expected(
        self, node_id: str, header: Json, entity: Json, temporal_node: str | None, temporal: dict[str, Json]
    ) -> Json | None:
        key = {item["id"]: item["value"] for item in entity["entity"]}
        classification = self._classifications.get((node_id, canonical(key)))
        methods = _methods(entity)
        value = entity["metric"][0]["values"]
        live = [name for name in methods if _live(methods, name)]
        if classification is None or classification["suppressed"] or value is None or not live:
            return None
        dimensions = {name: item for name, item in key.items() if name not in ("medicareId", "systemName")}
        metric = entity["metric"][0]["metadata"]["metric_id"]
        simple, robust = _live(methods, "simple_zscore"), _live(methods, "robust_zscore")
        mean = _facet_mean(header, dimensions)
        trend = temporal.get(_key(entity))
        expected = {
            "id": signal_id(self.graph, metric, node_id, key["medicareId"], dimensions),
            "canonical_node_id": node_id,
            "metric_id": metric,
            "domain": self.domains[metric],
            "facility": entity["metadata"]["facility"],
            "facility_id": key["medicareId"],
            "system_name": entity["metadata"]["systemName"],
            "service_line": key.get("vizientServiceLine", "Facility-wide"),
            "sub_service_line": key.get("vizientSubServiceLine"),
            "metric_value": value,
            "peer_mean": mean if mean is not None else simple.get("peer_mean"),
            "peer_std": simple.get("peer_std"),
            "percentile_rank": simple.get("percentile_rank"),
            "encounters": entity["metadata"]["encounters"],
            "entity_dimensions": dimensions,
            "simplified_signal_type": classification["signal_type"],
            "simplified_severity": classification["severity"],
            "temporal_node_id": temporal_node if trend else None,
            "metric_trend_timeline": _timeline(trend),
            "technical": {
                "simple_zscore": simple.get("simple_zscore"),
                "robust_zscore": robust.get("robust_zscore"),
                "simple_zscore_anomaly": _label(methods, "simple_zscore", "simple_zscore"),
                "robust_zscore_anomaly": _label(methods, "robust_zscore", "robust_zscore"),
                "percentile_rank": simple.get("percentile_rank"),
                "peer_std": simple.get("peer_std"),
                "simplified_signal_type": classification["signal_type"],
                "simplified_severity": classification["severity"],
                "simplified_severity_range": classification["severity_range"],
                "simplified_inputs": classification["inputs"],
                "simplified_indicators": classification["derived_indicators"],
                "simplified_reasoning": classification["classification_reasoning"],
                "simplified_severity_calculation": classification["severity_calculation"],
                **_temporal_details(trend),
            },
        }
        expected["trend_direction"] = expected["technical"].pop("trend_direction")
        return expected


def _key(entity: Json) -> str:
    return canonical({item["id"]: item["value"] for item in entity["entity"]})


def _timeline(trend: Json | None) -> list[Json] | None:
    if trend is None:
        return None
    encounters = {
        item["period"].replace("-", ""): item["value"]
        for item in trend["metadata"]["per_period"].get("encounters", [])
    }
    return [
        {"period": item["period"], "value": item["value"], "encounters": encounters.get(item["period"])}
        for item in trend["metric"][0]["values"]["timeline"]
    ]


def _temporal_details(trend: Json | None) -> Json:
    methods = _methods(trend) if trend else {}
    simple, robust = _live(methods, "trending_simple_zscore"), _live(methods, "trending_robust_zscore")
    slope = _live(methods, "slope_percentile")
    return {
        "latest_simple_zscore": simple.get("latest_simple_zscore"),
        "mean_simple_zscore": simple.get("mean_simple_zscore"),
        "latest_robust_zscore": robust.get("latest_robust_zscore"),
        "mean_robust_zscore": robust.get("mean_robust_zscore"),
        "latest_simple_zscore_anomaly": _label(methods, "trending_simple_zscore", "latest_simple_zscore"),
        "mean_simple_zscore_anomaly": _label(methods, "trending_simple_zscore", "mean_simple_zscore"),
        "latest_robust_zscore_anomaly": _label(methods, "trending_robust_zscore", "latest_robust_zscore"),
        "mean_robust_zscore_anomaly": _label(methods, "trending_robust_zscore", "mean_robust_zscore"),
        "slope": slope.get("slope"),
        "slope_percentile": slope.get("slope_percentile"),
        "acceleration": slope.get("acceleration"),
        "momentum": slope.get("momentum"),
        "trend_direction": slope.get("trend_direction"),
        "monthly_z_scores": simple.get("per_period_simple_zscores")
        or robust.get("per_period_robust_zscores"),
    }
