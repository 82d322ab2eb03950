"""Runs as they are served, against the files they came from."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.support.artifacts import Artifacts, read_lines
from tests.support.compass import compass, serving
from tests.support.lifecycle import ingest, make_baseline
from transforms.sample import sample_run
from transforms.synth.corruptions.artifacts import CLASSIFICATIONS

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def folders() -> list[Path]:
    """The sample run, and reference runs where there are any."""
    shared = Path(os.environ.get("COMPASS_SHARED", REPOSITORY.parent / "shared"))
    return [Path(sample_run()), *sorted(shared.glob("runs/test_minimal/2026011*"))]


@pytest.fixture(scope="module")
def client(migrated_url: str) -> Iterator[httpx.Client]:
    """A client of a server of the runs."""
    for folder in folders():
        compass("ingest", str(folder), database_url=migrated_url)
    with serving(migrated_url) as opened:
        yield opened


@pytest.fixture(params=folders(), ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def folder(request: pytest.FixtureRequest) -> Path:
    """Folder of a run."""
    return Path(request.param)


def get(client: httpx.Client, path: str, **parameters: Any) -> Any:
    answer = client.get(f"/api/runs{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def path_of(folder: Path) -> str:
    return f"/graphs/{folder.parent.name}/runs/{folder.name}"


def test_graphs_and_runs_are_those_of_the_folders(client: httpx.Client) -> None:
    by_graph: dict[str, list[Path]] = {}
    for folder in folders():
        by_graph.setdefault(folder.parent.name, []).append(folder)
    listed = get(client, "/graphs")["graphs"]
    assert [graph["graph_name"] for graph in listed] == sorted(by_graph)
    for graph in listed:
        newest = sorted(by_graph[graph["graph_name"]], reverse=True)
        index = json.loads((newest[0] / "results/index.json").read_text())
        assert graph["run_count"] == len(newest)
        assert graph["latest_run_id"] == newest[0].name
        assert graph["latest_run_timestamp"] == index["created_at"]
        runs = get(client, f"/graphs/{graph['graph_name']}/runs")["runs"]
        assert [run["run_id"] for run in runs] == [folder.name for folder in newest]


def test_nodes_are_those_of_the_index(client: httpx.Client, folder: Path) -> None:
    index = json.loads((folder / "results/index.json").read_text())
    body = get(client, path_of(folder))
    assert (body["run_id"], body["created_at"]) == (folder.name, index["created_at"])
    served = {node["canonical_node_id"]: node for node in body["nodes"]}
    assert len(served) == len(body["nodes"]) == len(index["nodes"])
    for node in index["nodes"]:
        scope = node["summary"]["entity_scope"]
        assert served[node["canonical_node_id"]] == {
            **{name: node[name] for name in ("canonical_node_id", "node_id", "metric_id", "result_path")},
            "statistical_methods": node["statistical_methods"],
            "entity_scope_display_name": scope["display_name"],
            "comparison_group": scope["comparison_group"],
        }


def test_the_graph_is_that_of_the_drawing(client: httpx.Client, folder: Path) -> None:
    body = get(client, f"{path_of(folder)}/graph")
    drawing = folder / "graphviz/graphviz_condensed.dot"
    if not drawing.is_file():
        assert body == {"nodes": [], "edges": []}
        return
    graph = json.loads((folder / "graph.json").read_text())
    edges = {(edge["source"], edge["target"], edge["type"]) for edge in graph["edges"]}
    assert {(edge["from"], edge["to"], edge["label"]) for edge in body["edges"]} == edges
    # What engines write is regular enough to be read in this simple way.
    labels = re.findall(r'^  "([^"]+)" \[[^]]*?\blabel="([^"]*)"', drawing.read_text(), re.MULTILINE)
    assert [(node["id"], node["label"]) for node in body["nodes"]] == labels
    assert all(edge["dashes"] is (edge["label"] == "trends_to") for edge in body["edges"])


def expected_result(entity: Json) -> Json:
    """What a line of a result file must be shown as."""
    methods = entity["statistical_methods"]
    statistics = [{} if each["statistics"]["suppressed"] else each["statistics"] for each in methods]
    names = ("simple_zscore", "robust_zscore", "latest_simple_zscore", "latest_robust_zscore")
    scores = [each[name] for name in names for each in statistics if each.get(name) is not None]
    ranks = [each["percentile_rank"] for each in statistics if each.get("percentile_rank") is not None]
    rules = [rule for profile in methods[0]["anomalies"] for rule in profile["methods"]]
    values = entity["metric"][0]["values"]
    if isinstance(values, dict):
        points = sorted(
            (point["period"], point["value"]) for point in values["timeline"] if point["value"] is not None
        )
        values = points[-1][1] if points else None
    facility = next(item["value"] for item in entity["entity"] if item["id"] == "medicareId")
    return {
        "entity_id": facility,
        "entity_dimensions": entity["entity"],
        "encounters": int(entity["metadata"].get("encounters") or 0),
        "metric_value": values,
        "z_score": scores[0] if scores else None,
        "percentile_rank": ranks[0] if ranks else None,
        "anomaly_label": rules[0]["anomaly"] if rules else None,
    }


def test_results_are_those_of_the_files(client: httpx.Client, folder: Path) -> None:
    compared = scored = 0
    for path in sorted(folder.glob("results/nodes/*.jsonl")):
        expected = [expected_result(line) for line in read_lines(path) if line.get("type") != "node_metadata"]
        shown: list[Json] = []
        while True:
            page = get(client, f"{path_of(folder)}/nodes/{path.stem}/results", limit=37, offset=len(shown))
            assert page["total_count"] == len(expected)
            if not page["results"]:
                break
            shown += page["results"]
        assert shown == expected
        compared += len(shown)
        scored += sum(result["z_score"] is not None for result in shown)
    assert compared > 50
    assert scored > 50


def test_the_registry_counts_rows(client: httpx.Client, folder: Path) -> None:
    entry = get(client, f"/{folder.parent.name}%2F{folder.name}")
    lines = [
        line
        for path in folder.glob("results/nodes/*.jsonl")
        for line in read_lines(path)
        if line.get("type") != "node_metadata"
    ]
    assert entry["row_counts"]["raw_entity_results"] == len(lines)
    assert entry["row_count"] == sum(entry["row_counts"].values())
    assert entry["state"] in ("published", "superseded")
    assert set(entry["durations"]) >= {"load", "build", "publish"}
    assert str(folder) not in json.dumps(entry)
    assert folder.name in [run["run_id"] for run in get(client, "", graph=folder.parent.name)["runs"]]


def test_what_the_second_run_changed(fresh_database_url: str, tmp_path: Path) -> None:
    baseline = make_baseline(fresh_database_url, tmp_path)
    first, second = (Artifacts(run.path).signals for run in (baseline.a, baseline.b))
    worse_line = json.loads(baseline.b.read(CLASSIFICATIONS).splitlines()[0])
    # The changes break rules of the contracts, which this way of ingesting leaves unchecked.
    asyncio.run(ingest(fresh_database_url, baseline.b))
    with serving(fresh_database_url) as client:
        before, after = (quote(key, safe="") for key in baseline.runs)
        body = get(client, f"/{before}/diff/{after}", limit=1000)
    assert {each["signal_id"] for each in body["gone"]} == set(first) - set(second) != set()
    assert {each["signal_id"] for each in body["new"]} == set(second) - set(first) != set()
    (worse,) = body["regressed"]
    key = worse["signal_id"]
    assert first[key]["canonical_node_id"] == worse["canonical_node_id"] == worse_line["node_id"]
    assert first[key]["facility_id"] == worse["facility_id"] == worse_line["entity_key"]["medicareId"]
    for side, signals in (("before", first), ("after", second)):
        for name in ("metric_value", "percentile_rank", "simplified_severity", "simplified_signal_type"):
            assert worse[side][name] == signals[key][name]
    assert set(worse["changed"]) == {"simplified_severity", "simplified_signal_type"}
    assert (body["improved"], body["changed"]) == ([], [])
    assert body["counts"]["unchanged"] == len(set(first) & set(second)) - 1


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_an_answer_that_a_client_holds_is_not_sent_again(client: httpx.Client, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    for path in ("/api/runs/graphs", f"/api/runs{path_of(folders()[0])}/graph", "/api/modeling/summary"):
        first = client.get(path, headers=headers)
        assert first.status_code == 200
        tag = first.headers["etag"]
        # What is compressed must not differ by the second it was made in.
        time.sleep(1.1)
        again = client.get(path, headers={**headers, "If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == first.headers["cache-control"] == "private, no-cache"
        assert client.get(path, headers={**headers, "If-None-Match": '"other"'}).content == first.content
