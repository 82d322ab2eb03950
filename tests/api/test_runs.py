"""/api/runs on tables made by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from backend.schemas.runs import (
    GraphRuns,
    Network,
    NodeResults,
    RegisteredRunDetails,
    RunDetails,
    RunDiff,
    RunGraphs,
    RunPage,
)
from contracts.ddl import postgres_ddl
from contracts.tables.results import ANOMALIES, ENTITY_RESULTS, STATISTICAL_METHODS
from contracts.tables.run import NODE_RESULTS, RUN_DOCUMENTS, RUNS
from tests.api.marts import GRAPH, add_run, signal_id, signal_row

TABLES = (RUNS, RUN_DOCUMENTS, NODE_RESULTS, ENTITY_RESULTS, STATISTICAL_METHODS, ANOMALIES)
NODE = "losIndex__medicareId__aggregate_time_period"
TREND = "losIndex__medicareId__dischargeMonth"
SIMPLE = "statistical_method__simple_zscore__aggregate_time_period"
ROBUST = "statistical_method__robust_zscore__aggregate_time_period"
TRENDING = "statistical_method__trending_simple_zscore__trending_time_period"
SLOPE = "statistical_method__slope_percentile__trending_time_period"
INJECTIONS = ["' or '1'='1", "x'; drop table runs; --", "../../etc", "%", "ünï", "a" * 500]


@pytest.fixture
async def raw(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The connection, with the raw tables empty; they go again, for who has no runs needs none."""
    for table in TABLES:
        for statement in postgres_ddl(table):
            await connection.execute(statement)
    yield connection
    for table in TABLES:
        await connection.execute(f"drop table public.{table.name}")


async def insert(connection: asyncpg.Connection, table: str, **values: Any) -> None:
    places = ", ".join(f"${position}" for position in range(1, len(values) + 1))
    await connection.execute(
        f"insert into public.{table} ({', '.join(values)}) values ({places})", *values.values()
    )


async def add(
    connection: asyncpg.Connection,
    run_id: str = "20260101120000",
    *,
    graph: str = GRAPH,
    state: str = "built",
    created_at: str | None = "2026-01-01T12:00:00-06:00",
    nodes: tuple[str, ...] = (NODE,),
    dot: str | None = None,
) -> dict[str, str]:
    """A run of the registry and of the raw tables; returns what its rows are keyed by."""
    run_key = await add_run(connection, run_id, [], graph_name=graph, state=state)
    run = {"run_key": run_key, "run_id": run_id}
    await insert(connection, "raw_runs", **run, graph_name=graph, created_at=created_at, source_file="m")
    for node in nodes:
        methods = [SIMPLE, ROBUST] if node == NODE else [TRENDING, SLOPE]
        await insert(
            connection,
            "raw_node_results",
            **run,
            canonical_node_id=node,
            metric_id="losIndex",
            result_path=f"results/nodes/{node}.jsonl",
            statistical_methods=json.dumps(methods),
            display_name="Medicare Id",
            comparison_group="peers",
            source_file="g",
        )
    if dot is not None:
        await insert(
            connection,
            "raw_run_documents",
            **run,
            document_type="dot",
            media_type="text/vnd.graphviz",
            content=dot,
            source_file="graphviz/graphviz_condensed.dot",
        )
    return run


async def add_entity(
    connection: asyncpg.Connection, run: dict[str, str], line: int | None, node: str = NODE, **values: Any
) -> str:
    entity = values.pop("entity", [{"id": "medicareId", "value": f"F{line}", "dataset_field": "medicareId"}])
    key = f"{node}:{line}:{values.get('entity_key', '')}"
    row = {
        "entity_key": key,
        "canonical_node_id": node,
        "metric_id": "losIndex",
        "facility_id": f"F{line}",
        "entity": json.dumps(entity),
        "entity_dimensions": "{}",
        "entity_dimensions_hash": "h",
        "source_file": "f",
        "line_number": line,
    }
    await insert(connection, "raw_entity_results", **{**run, **row, **values})
    return values.get("entity_key", key)


async def add_method(
    connection: asyncpg.Connection,
    run: dict[str, str],
    entity: str,
    line: int,
    method: str,
    anomalies: tuple[tuple[str, str], ...] = (),
    node: str = NODE,
    **values: Any,
) -> None:
    row = {
        **run,
        "entity_key": entity,
        "canonical_node_id": node,
        "statistical_method": method,
        "source_file": "f",
        "line_number": line,
    }
    name = method.split("__")[1]
    await insert(
        connection, "raw_statistical_methods", **row, method_name=name, suppressed=not values, **values
    )
    for applies_to, anomaly in anomalies:
        rule = f"anomaly_method__{name}__{applies_to}"
        await insert(
            connection, "raw_anomalies", **row, anomaly_method=rule, applies_to=applies_to, anomaly=anomaly
        )


async def get(client: httpx.AsyncClient, path: str = "", **parameters: Any) -> Any:
    answer = await client.get(f"/api/runs{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def problem(client: httpx.AsyncClient, path: str, status: int, **parameters: Any) -> str:
    answer = await client.get(f"/api/runs{path}", params=parameters)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["type"].rpartition(":")[2]


def path_of(run: dict[str, str], rest: str = "") -> str:
    graph = run["run_key"].partition("/")[0]
    return f"/graphs/{graph}/runs/{run['run_id']}{rest}"


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


async def test_results_come_in_the_order_of_the_file(
    client: httpx.AsyncClient, raw: asyncpg.Connection
) -> None:
    run = await add(raw)
    for line in (11, 2, 9, 10):
        await add_entity(raw, run, line, metric_value=float(line))
    await add_entity(raw, await add(raw, "2"), 3, metric_value=1.0)
    await add_entity(raw, run, 3, node="other", metric_value=1.0)
    body = await get(client, path_of(run, f"/nodes/{NODE}/results"))
    NodeResults.model_validate(body)
    assert (body["node_id"], body["total_count"], body["offset"], body["limit"]) == (NODE, 4, 0, 50)
    assert [result["metric_value"] for result in body["results"]] == [2.0, 9.0, 10.0, 11.0]
    page = await get(client, path_of(run, f"/nodes/{NODE}/results"), limit=2, offset=1)
    assert [result["metric_value"] for result in page["results"]] == [9.0, 10.0]
    beyond = await get(client, path_of(run, f"/nodes/{NODE}/results"), offset=4)
    assert (beyond["total_count"], beyond["results"]) == (4, [])


async def test_a_node_without_results_has_none(client: httpx.AsyncClient, raw: asyncpg.Connection) -> None:
    run = await add(raw)
    body = await get(client, path_of(run, f"/nodes/{NODE}/results"))
    assert (body["total_count"], body["results"]) == (0, [])
    assert await problem(client, path_of(run, "/nodes/unknown/results"), 404) == "node-not-found"


async def test_a_result_of_an_aggregate_node(client: httpx.AsyncClient, raw: asyncpg.Connection) -> None:
    run = await add(raw)
    items = [
        {"id": "vizientServiceLine", "value": "Cardio", "dataset_field": "line"},
        {"id": "medicareId", "value": "010033", "dataset_field": "medicareId"},
    ]
    key = await add_entity(
        raw, run, 2, entity=items, facility_id="010033", metric_value=1.25, encounters=48032.0
    )
    robust = (("robust_zscore", "very_high"),)
    await add_method(raw, run, key, 2, ROBUST, robust, robust_zscore=3.5, percentile_rank=1.0)
    simple = (("simple_zscore", "normal"),)
    await add_method(raw, run, key, 2, SIMPLE, simple, simple_zscore=0.0, percentile_rank=50.5)
    # The same line of another node and the same key of another run are somebody else's.
    await add_method(raw, run, key, 2, SIMPLE, node="other", simple_zscore=9.0)
    await add_method(raw, await add(raw, "2"), key, 2, SIMPLE, simple_zscore=8.0)
    assert (await get(client, path_of(run, f"/nodes/{NODE}/results")))["results"] == [
        {
            "entity_id": "010033",
            "entity_dimensions": items,
            "encounters": 48032,
            "metric_value": 1.25,
            "z_score": 0.0,
            "percentile_rank": 50.5,
            "anomaly_label": "normal",
        }
    ]


async def test_a_result_of_a_temporal_node(client: httpx.AsyncClient, raw: asyncpg.Connection) -> None:
    run = await add(raw, nodes=(TREND,))
    timeline = [
        {"period": "202502", "value": 2.5, "encounters": None},
        {"period": "202501", "value": 1.5, "encounters": 3},
        {"period": "202503", "value": None, "encounters": None},
    ]
    key = await add_entity(raw, run, 2, node=TREND, timeline=json.dumps(timeline))
    slope = (("slope_percentile", "slightly_low"),)
    await add_method(raw, run, key, 2, SLOPE, slope, node=TREND, percentile_rank=31.0)
    anomalies = (("mean_simple_zscore", "normal"), ("latest_simple_zscore", "moderately_low"))
    await add_method(
        raw,
        run,
        key,
        2,
        TRENDING,
        anomalies,
        node=TREND,
        latest_simple_zscore=-1.2,
        mean_simple_zscore=0.1,
        percentile_rank=43.75,
    )
    result = (await get(client, path_of(run, f"/nodes/{TREND}/results")))["results"][0]
    assert (result["metric_value"], result["encounters"]) == (2.5, 0)
    assert (result["z_score"], result["percentile_rank"]) == (-1.2, 43.75)
    assert result["anomaly_label"] == "moderately_low"


async def test_results_that_hold_little(client: httpx.AsyncClient, raw: asyncpg.Connection) -> None:
    run = await add(raw)
    # Documents of old engines have no lines.
    entity = [{"id": "systemName", "value": "North"}]
    await add_entity(raw, run, None, entity_key="b", entity=entity, facility_id="", encounters=float("inf"))
    await add_entity(raw, run, None, entity_key="a", metric_value=float("nan"), facility_id="F")
    await add_method(raw, run, "a", 7, ROBUST, robust_zscore=-0.5)
    await add_method(raw, run, "a", 7, SIMPLE)
    results = (await get(client, path_of(run, f"/nodes/{NODE}/results")))["results"]
    assert [result["entity_id"] for result in results] == ["F", "North"]
    assert [result["z_score"] for result in results] == [-0.5, None]
    assert [result["metric_value"] for result in results] == [None, None]
    assert [result["encounters"] for result in results] == [0, 0]
    assert [result["anomaly_label"] for result in results] == [None, None]


async def test_what_a_run_changed_against_another(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    def rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            signal_row(f"F{n}", **change)
            for n, change in enumerate(changes)
            if change.get("there") is not False
        ]

    there = {"simplified_severity": 50, "simplified_signal_type": "baseline"}
    gone = {"there": False}
    before = rows(there, there, there, there, there, there, gone, gone, there)
    after = rows(
        there,
        {**there, "simplified_severity": 60},
        {**there, "simplified_severity": 40, "simplified_signal_type": "critical_trajectory"},
        {**there, "simplified_severity": 59, "simplified_signal_type": "recovering"},
        {**there, "simplified_severity": 41, "simplified_signal_type": "improving_leader"},
        {**there, "metric_value": 1.5, "simplified_signal_type": "suspect_data"},
        {**there, "simplified_severity": 10},
        {**there, "simplified_severity": 90},
        gone,
    )
    for row in (*before, *after):
        row.pop("there", None)
    ids = [signal_id(signal_row(f"F{n}")) for n in range(9)]
    first, second = await add_run(connection, "1", before), await add_run(connection, "2", after)
    body = await get(client, f"/{first.replace('/', '%2F')}/diff/2")
    RunDiff.model_validate(body)
    assert body["before"] == {"run_key": first, "graph_name": GRAPH, "run_id": "1", "state": "built"}
    assert body["after"]["run_key"] == second
    listed = {kind: [each["signal_id"] for each in body[kind]] for kind in body["counts"] if kind in body}
    assert listed == {
        "new": [ids[7], ids[6]],
        "gone": [ids[8]],
        "regressed": [ids[1], ids[3]],
        "improved": [ids[4], ids[2]],
        "changed": [ids[5]],
    }
    assert body["counts"] == {
        "new": 2,
        "gone": 1,
        "regressed": 2,
        "improved": 2,
        "changed": 1,
        "unchanged": 1,
    }
    changed = body["changed"][0]
    assert changed["changed"] == ["metric_value", "simplified_signal_type"]
    assert (changed["before"]["metric_value"], changed["after"]["metric_value"]) == (1.25, 1.5)
    assert (body["new"][0]["before"], body["gone"][0]["after"]) == (None, None)
    assert (body["new"][0]["changed"], body["new"][0]["facility"]) == ([], "Hospital F7")
    few = await get(client, "/1/diff/2", limit=1)
    assert few["counts"] == body["counts"]
    assert [each["signal_id"] for each in few["regressed"]] == [ids[1]]
    none = await get(client, "/1/diff/2", limit=0)
    assert (none["counts"], none["new"]) == (body["counts"], [])
    back = await get(client, "/2/diff/1")
    assert [each["signal_id"] for each in back["gone"]] == [ids[7], ids[6]]
    assert (back["counts"]["regressed"], back["counts"]["improved"]) == (2, 2)


async def test_runs_that_cannot_be_compared(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    await add_run(connection, "1", [signal_row()])
    await add_run(connection, "2", [signal_row()], graph_name="other")
    await add_run(connection, "3", [], state="loaded")
    assert await problem(client, "/1/diff/2", 400) == "graphs-differ"
    assert await problem(client, "/1/diff/3", 409) == "run-has-no-signals"
    assert await problem(client, "/1/diff/4", 404) == "run-unknown"
    assert await problem(client, "/1/diff/1", 422, limit=1001) == "invalid-request"


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
