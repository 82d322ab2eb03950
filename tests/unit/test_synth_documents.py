"""Documents of a generated run: they name each other, the graph and the files consistently."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.artifacts import read_lines
from transforms.synth import generate_run

Json = dict[str, Any]
AGGREGATE, MONTHLY = "aggregate_time_period", "dischargeMonth"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate_run(tmp_path_factory.mktemp("synth"), facilities=16, metrics=3, months=8)


@pytest.fixture(scope="module")
def graph(run: Path) -> Json:
    return _json(run, "graph.json")


@pytest.fixture(scope="module")
def bundle(run: Path) -> Json:
    return _json(run, "metadata_bundle.json")


def _json(run: Path, name: str) -> Json:
    document: Json = json.loads((run / name).read_text(encoding="utf-8"))
    return document


def test_each_metric_has_a_tree_and_one_node_is_the_entry(graph: Json) -> None:
    assert len(graph["nodes"]) == 3 * 8
    assert len(graph["edges"]) == 3 * 7
    assert [node["id"] for node in graph["nodes"] if node["graph_entry_point"]] == [
        f"losIndex__medicareId__{AGGREGATE}"
    ]
    for node in graph["nodes"]:
        dimensions = "_".join(item["type"] for item in node["group_bys"])
        assert node["id"] == node["name"] == f"{node['metric_id']}__{dimensions}__{node['time_grain']}"


def test_edges_join_nodes_as_their_types_say(graph: Json) -> None:
    nodes = {node["id"]: node for node in graph["nodes"]}
    trended = []
    for edge in graph["edges"]:
        source, target = nodes[edge["source"]], nodes[edge["target"]]
        assert edge["id"] == f"{source['id']}__to__{target['id']}"
        fields = [item["dataset_field"] for item in target["group_bys"]]
        assert [(item["field"], item["value"]) for item in edge["conditions"]] == [
            (field, f"{{{{{field}}}}}") for field in fields
        ]
        if edge["type"] == "trends_to":
            trended.append(target["id"])
            assert (source["time_grain"], target["time_grain"]) == (AGGREGATE, MONTHLY)
            assert source["group_bys"] == target["group_bys"]
        else:
            assert source["time_grain"] == target["time_grain"] == AGGREGATE
            assert target["group_bys"][:-1] == source["group_bys"]
    assert sorted(trended) == sorted(node for node in nodes if node.endswith(MONTHLY))


def test_manifests_count_the_graph(run: Path, graph: Json, bundle: Json) -> None:
    manifest, semantic = _json(run, "run_manifest.json"), _json(run, "run_manifest.semantic.json")
    index = _json(run, "results/index.json")
    assert manifest["run_id"] == semantic["run_id"] == index["run_id"] == run.name
    assert manifest["run_label"] == semantic["graph_name"] == run.parent.name
    assert (manifest["node_count"], manifest["edge_count"]) == (len(graph["nodes"]), len(graph["edges"]))
    assert semantic["taxonomy_hash"] == bundle["taxonomy_hash"]
    assert re.fullmatch("[0-9a-f]{16}", bundle["taxonomy_hash"])
    assert semantic["metadata_bundle_version"] == bundle["version"]
    for path in semantic["modeling"].values():
        assert (run / path).is_file()


def test_the_index_lists_each_node_with_its_file(run: Path, graph: Json) -> None:
    entries = _json(run, "results/index.json")["nodes"]
    assert [entry["node_id"] for entry in entries] == sorted(node["id"] for node in graph["nodes"])
    assert {path.name for path in (run / "results/nodes").iterdir()} == {
        f"{entry['node_id']}.jsonl" for entry in entries
    }
    for entry in entries:
        lines = read_lines(run / entry["result_path"])
        header = lines[0]
        assert header["canonical_node_id"] == entry["canonical_node_id"] == entry["node_id"]
        assert header["entity_results_count"] == len(lines) - 1
        for name in ("metric_id", "dataset_path", "summary"):
            assert header[name] == entry[name]
        assert ("temporal_context" in entry["summary"]) is entry["node_id"].endswith(MONTHLY)
        children = [
            (item["canonical_child_node_id"], item["edge_type"])
            for item in header["canonical_child_node_ids"]
        ]
        assert children == [
            (edge["target"], edge["type"]) for edge in graph["edges"] if edge["source"] == entry["node_id"]
        ]
        methods = [method["statistical_method"] for method in header["statistical_methods"]]
        assert methods == entry["statistical_methods"]
        for entity in lines[1:]:
            assert [method["statistical_method"] for method in entity["statistical_methods"]] == methods


def test_definitions_repeat_the_graph(run: Path, graph: Json) -> None:
    for node in graph["nodes"]:
        path = run / "nodes" / node["metric_id"] / "base" / node["group_by_set"] / f"{node['id']}.yaml"
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert {name: definition[name] for name in node if name != "name"} == {
            name: value for name, value in node.items() if name != "name"
        }
        entity = read_lines(run / "results/nodes" / f"{node['id']}.jsonl")[1]
        columns = [column["id"] for column in definition["metadata_columns"]]
        assert set(entity["metadata"]) - {"per_period"} == set(columns)
        written = [
            [rule["anomaly_method"] for rule in method["anomalies"][0]["methods"]]
            for method in entity["statistical_methods"]
        ]
        assert written == [
            method["anomaly_methods"] for method in definition["multi_method_contract"]["methods"]
        ]
    nodes = {node["id"]: node for node in graph["nodes"]}
    for edge in graph["edges"]:
        source = nodes[edge["source"]]
        path = run / "edges" / source["metric_id"] / "base" / source["group_by_set"] / f"{edge['id']}.yaml"
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert definition.pop("schema_version") == "0.1.0"
        assert definition == edge


def test_definition_manifests_partition_the_graph(run: Path, graph: Json) -> None:
    for tree in ("nodes", "edges"):
        listed = []
        for path in (run / tree).glob("*/manifests/base.yaml"):
            for group in yaml.safe_load(path.read_text(encoding="utf-8")).values():
                listed += group[tree]
        assert sorted(listed) == sorted(item["id"] for item in graph[tree])


def test_the_bundle_knows_every_word_the_run_uses(run: Path, graph: Json, bundle: Json) -> None:
    def ids(name: str, key: str = "id") -> list[str]:
        return [item[key] for item in bundle[name]]

    for name, key in (("metrics", "metric_id"), ("edge_types", "id"), ("group_by_sets", "id")):
        assert ids(name, key) == sorted(ids(name, key))
    assert {node["metric_id"] for node in graph["nodes"]} <= set(ids("metrics", "metric_id"))
    assert {edge["type"] for edge in graph["edges"]} <= set(ids("edge_types"))
    assert {node["group_by_set"] for node in graph["nodes"]} <= set(ids("group_by_sets"))
    labels = {
        item["id"]: {value["label"] for value in item["allowed_values"]} for item in bundle["group_by_types"]
    }
    entry = _json(run, "results/index.json")["nodes"][0]
    assert entry["summary"]["entity_scope"]["comparison_group"] in ids("comparison_modes")
    for path in (run / "results/nodes").iterdir():
        for entity in read_lines(path)[1:]:
            for item in entity["entity"]:
                assert item["id"] == "medicareId" or item["value"] in labels[item["id"]]


def test_metrics_span_domains_polarities_and_units(bundle: Json) -> None:
    def values(name: str) -> set[str]:
        return {metric[name] for metric in bundle["metrics"]}

    assert values("domain") == {"Efficiency", "Safety", "Utilization", "Effectiveness"}
    assert values("polarity") == {"lower_is_better", "higher_is_better", "neutral"}
    assert values("unit_type") == {"ratio", "days", "percentage", "count"}
    for metric in bundle["metrics"]:
        assert metric["display_format"].format(12.5)


def test_labels_try_readers(run: Path) -> None:
    text = (run / "metadata_bundle.json").read_text(encoding="utf-8")
    values = json.dumps(json.loads(text)["group_by_types"], ensure_ascii=False)
    assert all(character in values for character in ("–", "’", "é", ", ", '\\"'))
    assert text.isascii()


def test_instants_follow_the_order_of_the_stages(run: Path, bundle: Json) -> None:
    contributions = _json(run, "analysis/contribution/index.json")["generated_at"]
    rows = read_lines(run / "analysis/classification/classifications.jsonl")
    manifest = _json(run, "analysis/classification/manifest.json")["generated_at"]
    assert contributions.endswith("Z")
    assert manifest.endswith("+00:00Z")
    instants = [
        _json(run, "run_manifest.json")["started_at"],
        bundle["generated_at"],
        _json(run, "run_manifest.semantic.json")["generated_at"],
        contributions,
        rows[0]["timestamp"],
        rows[-1]["timestamp"],
        _json(run, "analysis/classification/index.json")["generated_at"],
        manifest.removesuffix("Z"),
    ]
    parsed = [datetime.fromisoformat(instant) for instant in instants]
    assert parsed == sorted(parsed)
    assert parsed[0] == datetime.strptime(f"{run.name}+0000", "%Y%m%d%H%M%S%z")


def test_the_drawing_shows_the_graph(run: Path, graph: Json) -> None:
    dot = (run / "graphviz/graphviz_condensed.dot").read_text(encoding="utf-8")
    nodes = re.findall(r'^  "([^"]+)" \[shape', dot, re.M)
    edges = re.findall(r'^  "([^"]+)" -> "([^"]+)" \[.*xlabel="([^"]+)"', dot, re.M)
    assert nodes == [node["id"] for node in graph["nodes"]]
    assert edges == [(edge["source"], edge["target"], edge["type"]) for edge in graph["edges"]]
