"""The ontology as it is served, against the files of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.artifacts import Artifacts, read_lines, signal_id
from tests.support.compass import serving
from transforms.sample import sample_run

pytestmark = pytest.mark.slow

Json = dict[str, Any]
Edges = set[tuple[str, str]]


@pytest.fixture(scope="module")
def client(ingested_url: str) -> Iterator[httpx.Client]:
    """A client of a server of the sample run."""
    with serving(ingested_url) as opened:
        yield opened


class Expected:
    """Vertices and edges that the files of a run make."""

    def __init__(self, folder: Path) -> None:
        graph = json.loads((folder / "graph.json").read_text())
        bundle = json.loads((folder / "metadata_bundle.json").read_text())
        headers = {path.stem: read_lines(path)[0] for path in folder.glob("results/nodes/*.jsonl")}
        self.signals = Artifacts(folder).signals
        self.classifications = {}
        for line in read_lines(folder / "analysis/classification/classifications.jsonl"):
            entity = {name: value for name, value in line["entity_key"].items() if name != "systemName"}
            facility = entity.pop("medicareId")
            key = signal_id(folder.parent.name, line["metric_id"], line["node_id"], facility, entity)
            self.classifications[key] = line
        self.edges: dict[str, Edges] = {
            "has_signal": {(signal["facility_id"], key) for key, signal in self.signals.items()},
            "measures": {(signal["metric_id"], key) for key, signal in self.signals.items()},
            "belongs_to": {(each["metric_id"], each["domain"]) for each in bundle["metrics"]},
            "located_in": {
                (key, signal["entity_dimensions"]["vizientServiceLine"])
                for key, signal in self.signals.items()
                if "vizientServiceLine" in signal["entity_dimensions"]
            },
            "classified_as": {
                (key, f"{tier}:{self.classifications[key][name]}")
                for key in self.signals
                for tier, name in (
                    ("signal_type", "signal_type"),
                    ("magnitude", "magnitude_tier"),
                    ("trajectory", "trajectory_tier"),
                    ("consistency", "consistency_tier"),
                )
                if self.classifications[key].get(name) is not None
            },
            "computed_by": {
                (key, method["statistical_method"])
                for key, signal in self.signals.items()
                for node in (signal["canonical_node_id"], signal["temporal_node_id"])
                if node is not None
                for method in headers[node]["statistical_methods"]
            },
            "potentially_driven_by": {
                (source, target)
                for edge in graph["edges"]
                if edge["type"] == "potentially_driven_by"
                for source, driven in self.signals.items()
                for target, driver in self.signals.items()
                if driven["canonical_node_id"] == edge["source"]
                and driver["canonical_node_id"] == edge["target"]
                and driven["facility_id"] == driver["facility_id"]
                and all(
                    driver["entity_dimensions"].get(name, value) == value
                    for name, value in driven["entity_dimensions"].items()
                )
            },
        }


@pytest.fixture(scope="module")
def expected() -> Expected:
    """What the files of the sample run make."""
    return Expected(Path(sample_run()))


def get(client: httpx.Client, path: str, **parameters: Any) -> Any:
    answer = client.get(f"/api/ontology/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_counts_are_those_of_the_files(client: httpx.Client, expected: Expected) -> None:
    stats = get(client, "stats")
    assert stats["edge_counts"] == {label: len(edges) for label, edges in expected.edges.items()}
    assert all(stats["edge_counts"].values())
    assert stats["vertex_counts"]["Signal"] == len(expected.signals)
    ends = {
        "Classification": {end for _, end in expected.edges["classified_as"]},
        "Domain": {end for _, end in expected.edges["belongs_to"]},
        "Metric": {start for start, _ in expected.edges["belongs_to"]},
        "ServiceLine": {end for _, end in expected.edges["located_in"]},
        "StatisticalMethod": {end for _, end in expected.edges["computed_by"]},
    }
    for label, ids in ends.items():
        vertices = get(client, f"vertices/{label}", limit=1000)["vertices"]
        assert [vertex["id"] for vertex in vertices] == sorted(ids)
        assert stats["vertex_counts"][label] == len(ids)


@pytest.mark.parametrize(
    ("label", "edge_label", "direction"),
    [
        ("Facility", "has_signal", "outgoing"),
        ("Metric", "measures", "outgoing"),
        ("Metric", "belongs_to", "outgoing"),
        ("Domain", "belongs_to", "incoming"),
        ("ServiceLine", "located_in", "incoming"),
        ("Classification", "classified_as", "incoming"),
        ("StatisticalMethod", "computed_by", "incoming"),
        ("Signal", "computed_by", "outgoing"),
        ("Signal", "classified_as", "outgoing"),
        ("Signal", "potentially_driven_by", "outgoing"),
        ("Signal", "potentially_driven_by", "incoming"),
    ],
)
def test_edges_are_those_of_the_files(
    client: httpx.Client, expected: Expected, label: str, edge_label: str, direction: str
) -> None:
    found: Edges = set()
    for vertex in get(client, f"vertices/{label}", limit=1000)["vertices"]:
        path = f"vertices/{label}/{quote(vertex['id'], safe='')}/neighbors"
        body = get(client, path, edge_label=edge_label, direction=direction, limit=1000)
        for neighbor in body["neighbors"]:
            edge = neighbor["edge"]
            ends = (edge["from_id"], edge["to_id"])
            assert edge["label"] == edge_label
            assert ends == (
                (vertex["id"], neighbor["vertex"]["id"])
                if direction == "outgoing"
                else (neighbor["vertex"]["id"], vertex["id"])
            )
            assert ends not in found
            found.add(ends)
    assert found == expected.edges[edge_label]


def test_signals_are_those_of_the_files(client: httpx.Client, expected: Expected) -> None:
    vertices = get(client, "vertices/Signal", limit=1000)["vertices"]
    assert [vertex["id"] for vertex in vertices] == sorted(expected.signals)
    for vertex in vertices:
        line, properties = expected.classifications[vertex["id"]], vertex["properties"]
        assert properties["severity"] == line["severity"]
        assert properties["signal_type"] == line["signal_type"]
        assert properties["canonical_node_id"] == line["node_id"]
        indicators = line["derived_indicators"]
        assert properties["trajectory"] == (line.get("trajectory_tier") or indicators["trend"])
        assert properties["consistency"] == (line.get("consistency_tier") or indicators["consistency"])


def test_metrics_and_dimensions_are_those_of_the_files(client: httpx.Client, expected: Expected) -> None:
    folder = Path(sample_run())
    bundle = json.loads((folder / "metadata_bundle.json").read_text())
    metrics = {each["id"]: each for each in get(client, "metrics")["metrics"]}
    for each in bundle["metrics"]:
        shown = metrics[each["metric_id"]]
        assert (shown["name"], shown["domain"]) == (each["display_name"], each["domain"])
        assert shown["signal_count"] == sum(
            signal["metric_id"] == each["metric_id"] for signal in expected.signals.values()
        )
    nodes = json.loads((folder / "graph.json").read_text())["nodes"]
    counts: dict[str, int] = {}
    for node in nodes:
        for dimension in node["group_bys"]:
            counts[dimension["type"]] = counts.get(dimension["type"], 0) + 1
    names = {each["id"]: each["display_name"] for each in bundle["group_by_types"]}
    shown = {
        each["id"]: (each["name"], each["node_count"]) for each in get(client, "dimensions")["dimensions"]
    }
    assert shown == {dimension: (names[dimension], count) for dimension, count in counts.items()}
