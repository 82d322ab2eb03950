"""/api/runs on tables made by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from backend.schemas.runs import (
    GraphRuns,
    Network,
    RegisteredRunDetails,
    RunDetails,
    RunGraphs,
    RunPage,
)
from tests.api.marts import GRAPH
from tests.api.raw import NODE, ROBUST, SIMPLE, TREND, add, get, path_of, problem, raw_tables

INJECTIONS = ["' or '1'='1", "x'; drop table runs; --", "../../etc", "%", "ünï", "a" * 500]


@pytest.fixture
async def raw(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The connection, with the raw tables empty."""
    async with raw_tables(connection) as opened:
        yield opened


async def test_without_runs_everything_is_empty(client: httpx.AsyncClient) -> None:
    assert await get(client) == {"total_count": 0, "offset": 0, "limit": 25, "runs": []}
    assert await get(client, "/graphs") == {"graphs": []}
    assert await get(client, "/graphs/any/runs") == {"graph_name": "any", "runs": []}
    assert await problem(client, "/graphs/any/runs/1", 404) == "run-not-found"
    assert await problem(client, "/graphs/any/runs/1/graph", 404) == "run-not-found"
    assert await problem(client, "/graphs/any/runs/1/nodes/n/results", 404) == "run-not-found"
    assert await problem(client, "/1", 404) == "run-unknown"
    assert await problem(client, "/1/diff/2", 404) == "run-unknown"


async def test_the_registry_lists_runs_of_all_states_newest_first(
    client: httpx.AsyncClient, raw: asyncpg.Connection
) -> None:
    await add(raw, "20260101000000", state="failed")
    await add(raw, "20260103000000", state="loading")
    await add(raw, "20260102000000", graph="other", state="published")
    page = await get(client)
    RunPage.model_validate(page)
    assert [(run["run_key"], run["state"]) for run in page["runs"]] == [
        ("graph/20260103000000", "loading"),
        ("other/20260102000000", "published"),
        ("graph/20260101000000", "failed"),
    ]
    assert page["total_count"] == 3
    assert [run["run_id"] for run in (await get(client, limit=1, offset=1))["runs"]] == ["20260102000000"]
    beyond = await get(client, offset=7)
    assert (beyond["total_count"], beyond["offset"], beyond["runs"]) == (3, 7, [])
    assert [run["run_id"] for run in (await get(client, graph="other"))["runs"]] == ["20260102000000"]
    assert [run["run_id"] for run in (await get(client, state="failed"))["runs"]] == ["20260101000000"]
    assert (await get(client, graph="other", state="failed"))["total_count"] == 0


async def test_a_registry_entry_tells_counts_checks_and_times_but_no_places(
    client: httpx.AsyncClient, raw: asyncpg.Connection
) -> None:
    await add(raw, "1", state="failed")
    await raw.execute(
        """update runs set row_counts = '{"raw_runs": 1, "raw_anomalies": 41}',
        preflight = '{"error": 0, "warning": 2}', durations = '{"load": 0.5}',
        source_path = '/secret/folder', error = 'the build failed: /secret/dbt: select 1',
        loaded_at = '2026-01-02 03:04:05+01', loaded_by = 'somebody'"""
    )
    answer = await client.get("/api/runs/1")
    entry = answer.json()
    RegisteredRunDetails.model_validate(entry)
    assert (entry["row_count"], entry["row_counts"]["raw_anomalies"]) == (42, 41)
    assert (entry["checks"], entry["durations"]) == ({"error": 0, "warning": 2}, {"load": 0.5})
    assert entry["error"] == "the build failed"
    assert (entry["loaded_at"], entry["built_at"]) == ("2026-01-02T02:04:05Z", None)
    for hidden in ("secret", "somebody", "select"):
        assert hidden not in answer.text


async def test_a_run_is_named_by_id_or_key(client: httpx.AsyncClient, raw: asyncpg.Connection) -> None:
    await add(raw, "1")
    await add(raw, "2")
    await add(raw, "2", graph="other")
    assert (await get(client, "/1"))["run_key"] == "graph/1"
    assert (await get(client, "/graph%2F2"))["run_key"] == "graph/2"
    assert await problem(client, "/2", 400) == "run-ambiguous"
    assert await problem(client, "/graph%2F3", 404) == "run-unknown"
    assert await problem(client, "/a%2Fb%2Fc", 404) == "not-found"
    assert (await client.get("/api/runs/")).status_code == 307


async def test_graphs_count_runs_that_are_whole_and_show_the_latest(
    client: httpx.AsyncClient, raw: asyncpg.Connection
) -> None:
    await add(raw, "20260101120000", state="superseded", created_at="2026-01-01T18:00:00+00:00")
    await add(raw, "20260102120000", state="published", nodes=(NODE, TREND))
    await add(raw, "20260103120000", state="loading")
    await add(raw, "20260101120000", graph="a_graph", state="loaded", created_at=None)
    await add(raw, "20260101120000", graph="broken", state="failed")
    graphs = await get(client, "/graphs")
    RunGraphs.model_validate(graphs)
    assert graphs["graphs"] == [
        {
            "graph_name": "a_graph",
            "run_count": 1,
            "latest_run_id": "20260101120000",
            "latest_run_timestamp": "2026-01-01T12:00:00Z",
        },
        {
            "graph_name": "graph",
            "run_count": 2,
            "latest_run_id": "20260102120000",
            "latest_run_timestamp": "2026-01-01T12:00:00-06:00",
        },
    ]
    runs = await get(client, "/graphs/graph/runs")
    GraphRuns.model_validate(runs)
    assert runs["runs"] == [
        {"run_id": "20260102120000", "created_at": "2026-01-01T12:00:00-06:00", "node_count": 2},
        {"run_id": "20260101120000", "created_at": "2026-01-01T18:00:00+00:00", "node_count": 1},
    ]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z"),
        ("2026-01-01T12:00:00.25+05:30", "2026-01-01T12:00:00.250000+05:30"),
        ("2026-01-01 12:00:00", "2026-01-01T12:00:00Z"),
        ("yesterday", None),
        (None, None),
    ],
)
async def test_times_are_as_written_and_have_an_offset(
    client: httpx.AsyncClient, raw: asyncpg.Connection, written: str | None, shown: str | None
) -> None:
    run = await add(raw, "no_time", created_at=written)
    assert (await get(client, path_of(run)))["created_at"] == shown
    assert (await get(client, "/graphs/graph/runs"))["runs"][0]["created_at"] == shown


async def test_a_run_shows_its_nodes(client: httpx.AsyncClient, raw: asyncpg.Connection) -> None:
    run = await add(raw, nodes=(TREND, NODE))
    body = await get(client, path_of(run))
    RunDetails.model_validate(body)
    assert body["created_at"] == "2026-01-01T12:00:00-06:00"
    assert body["nodes"][0] == {
        "canonical_node_id": NODE,
        "node_id": NODE,
        "metric_id": "losIndex",
        "result_path": f"results/nodes/{NODE}.jsonl",
        "statistical_methods": [SIMPLE, ROBUST],
        "entity_scope_display_name": "Medicare Id",
        "comparison_group": "peers",
    }
    assert [node["node_id"] for node in body["nodes"]] == [NODE, TREND]


@pytest.mark.parametrize("state", ["loading", "failed"])
async def test_a_run_that_is_not_whole_has_no_content(
    client: httpx.AsyncClient, raw: asyncpg.Connection, state: str
) -> None:
    run = await add(raw, state=state, dot="digraph { a }")
    for rest in ("", "/graph", f"/nodes/{NODE}/results"):
        assert await problem(client, path_of(run, rest), 404) == "run-not-found"
    assert (await get(client, f"/{run['run_id']}"))["state"] == state


async def test_the_graph_is_that_of_the_drawing(client: httpx.AsyncClient, raw: asyncpg.Connection) -> None:
    dot = 'digraph { a [label="x]\\ny"]; a -> b -> c [xlabel=segments_into] }'
    body = await get(client, path_of(await add(raw, dot=dot), "/graph"))
    Network.model_validate(body)
    assert [(node["id"], node["label"]) for node in body["nodes"]] == [("a", "x]\ny"), ("b", "b"), ("c", "c")]
    assert [(edge["from"], edge["to"], edge["color"]) for edge in body["edges"]] == [
        ("a", "b", {"color": "#38A169"}),
        ("b", "c", {"color": "#38A169"}),
    ]


async def test_a_run_without_a_drawing_has_an_empty_graph(
    client: httpx.AsyncClient, raw: asyncpg.Connection
) -> None:
    assert await get(client, path_of(await add(raw), "/graph")) == {"nodes": [], "edges": []}


async def test_a_drawing_that_is_not_dot_is_told(client: httpx.AsyncClient, raw: asyncpg.Connection) -> None:
    run = await add(raw, dot="digraph {\n a -> }")
    answer = await client.get(f"/api/runs{path_of(run, '/graph')}")
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith("cannot be read: line 2: expected a name, found '}'")


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("", {"limit": 0}),
        ("", {"limit": 101}),
        ("", {"offset": -1}),
        ("", {"offset": 10**30}),
        ("", {"state": "nope"}),
        ("", {"graph": "a\0b"}),
        ("/graphs/a%00b/runs", {}),
        ("/graphs/a/runs/%00", {}),
        ("/graphs/a/runs/1/graph%00", None),
        ("/graphs/a/runs/1/nodes/%00/results", {}),
        ("/graphs/a/runs/1/nodes/n/results", {"limit": 0}),
        ("/graphs/a/runs/1/nodes/n/results", {"limit": "x"}),
        ("/graphs/a/runs/1/nodes/n/results", {"offset": -1}),
        ("/%00", {}),
        ("/1/diff/%00", {}),
        ("/" + "x" * 501, {}),
    ],
)
async def test_malformed_parameters(
    client: httpx.AsyncClient, path: str, parameters: dict[str, Any] | None
) -> None:
    answer = await client.get(f"/api/runs{path}", params=parameters)
    # The last segment of a path that is no operation is nobody's parameter.
    assert answer.status_code == (404 if parameters is None else 422), answer.text


@pytest.mark.parametrize("text", INJECTIONS)
async def test_text_is_only_text(client: httpx.AsyncClient, raw: asyncpg.Connection, text: str) -> None:
    run = await add(raw)
    quoted = text.replace("%", "%25").replace("/", "%2F").replace("#", "%23")
    assert (await get(client, graph=text))["total_count"] == 0
    if "/" not in text:
        assert (await get(client, f"/graphs/{quoted}/runs"))["runs"] == []
        assert await problem(client, f"/graphs/{GRAPH}/runs/{quoted}", 404) == "run-not-found"
        assert await problem(client, path_of(run, f"/nodes/{quoted}/results"), 404) == "node-not-found"
        assert await problem(client, f"/{quoted}", 404) == "run-unknown"
        assert await problem(client, f"/{quoted}/diff/{quoted}", 404) == "run-unknown"
    assert (await get(client))["total_count"] == 1
