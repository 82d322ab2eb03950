"""/api/ontology on tables made by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.config import Settings
from backend.main import create_app
from backend.schemas.ontology import (
    Neighbors,
    OntologyDimensions,
    OntologyMetrics,
    OntologyStats,
    Vertex,
    VertexPage,
)
from backend.services.signal_hydrator import publish
from contracts.ddl import postgres_ddl
from contracts.tables.run import NODE_RESULTS, RUN_DOCUMENTS
from tests.api.conftest import running
from tests.api.marts import FACILITY_NODE, SERVICE_LINE_NODE, add_run, signal_id, signal_row

VERTEX_LABELS = [
    "Classification",
    "Domain",
    "Facility",
    "Metric",
    "ServiceLine",
    "Signal",
    "StatisticalMethod",
]
EDGE_LABELS = {
    "has_signal",
    "measures",
    "belongs_to",
    "located_in",
    "classified_as",
    "computed_by",
    "potentially_driven_by",
}
TREND_NODE = "losIndex__medicareId__dischargeMonth"
SIMPLE = "statistical_method__simple_zscore__aggregate_time_period"
SLOPE = "statistical_method__slope_percentile__trending_time_period"
CARDIO, NEURO = {"vizientServiceLine": "Cardio"}, {"vizientServiceLine": "Head/Neck #1 & more?"}

# Two facilities as a whole, the first one's service lines, and a signal of another metric.
ROWS = {
    "f1": signal_row("F1", magnitude_tier="severe", trajectory_tier="stable", simplified_severity=70),
    "f2": signal_row("F2", magnitude_tier=None, simplified_indicators='{"trend": "worsening"}'),
    "f1_cardio": signal_row("F1", CARDIO, canonical_node_id=SERVICE_LINE_NODE, magnitude_tier=None),
    "f1_neuro": signal_row("F1", NEURO, canonical_node_id=SERVICE_LINE_NODE, magnitude_tier=None),
    "f1_falls": signal_row(
        "F1",
        CARDIO,
        metric_id="falls",
        canonical_node_id="falls_node",
        simplified_signal_type="baseline",
        magnitude_tier=None,
        temporal_node_id=None,
    ),
}
IDS = {name: signal_id(row) for name, row in ROWS.items()}

DIMENSIONS_DDL = """
create table public_marts.dim_facilities (
    run_key text, facility_id text, facility_name text, system_name text
);
create table public_marts.dim_metrics (
    run_key text, metric_id text, display_name text, description text, domain text, polarity text,
    unit_type text, node_count bigint, signal_count bigint
);
alter table public_marts.fct_node_edges
    add column if not exists direction text, add column if not exists rationale text;
"""


@pytest.fixture
async def marts(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The connection, with every table that the ontology reads, empty; those besides go again."""
    for table in (NODE_RESULTS, RUN_DOCUMENTS):
        for statement in postgres_ddl(table):
            await connection.execute(statement)
    await connection.execute(DIMENSIONS_DDL)
    yield connection
    await connection.execute(
        "drop table public_marts.dim_facilities, public_marts.dim_metrics,"
        " public.raw_node_results, public.raw_run_documents"
    )


@pytest.fixture
async def published(marts: asyncpg.Connection, engine: AsyncEngine) -> str:
    """Key of a published run of ROWS."""
    run_key = await add_run(marts, "1", ROWS.values())
    await marts.executemany(
        "insert into public_marts.dim_facilities values ($1, $2, $3, $4)",
        [(run_key, "F1", "Hospital F1", "North"), (run_key, "F2", "Hospital F2", None)],
    )
    await marts.executemany(
        "insert into public_marts.dim_metrics values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (run_key, "losIndex", "LOS Index", "Stay", "Efficiency", "lower_is_better", "ratio", 3, 4),
            (run_key, "falls", "Falls", None, "Safety", None, None, 1, 1),
        ],
    )
    await marts.executemany(
        "insert into public_marts.fct_node_edges (run_key, source_node_id, target_node_id, edge_type,"
        " edge_type_normalized, direction, rationale) values ($1, $2, $3, $4, $4, 'forward', $5)",
        [
            (run_key, SERVICE_LINE_NODE, "falls_node", "potentially_driven_by", "Falls lengthen stays"),
            (run_key, FACILITY_NODE, "falls_node", "potentially_driven_by", None),
            (run_key, FACILITY_NODE, SERVICE_LINE_NODE, "segments_into", None),
        ],
    )
    nodes = {FACILITY_NODE: [SIMPLE], TREND_NODE: [SLOPE], SERVICE_LINE_NODE: [SIMPLE], "falls_node": None}
    for node, methods in nodes.items():
        await marts.execute(
            "insert into raw_node_results (run_key, run_id, canonical_node_id, metric_id, source_file,"
            " statistical_methods, group_bys) values ($1, '1', $2, 'm', 'f', $3, $4)",
            run_key,
            node,
            None if methods is None else json.dumps(methods),
            json.dumps(
                [
                    {"type": each, "dataset_field": f"{each}_field"}
                    for each in node.split("__")
                    if each in ("medicareId", "vizientServiceLine")
                ]
            ),
        )
    await marts.execute(
        "insert into raw_run_documents (run_key, run_id, document_type, media_type, content, source_file)"
        " values ($1, '1', 'metadata_bundle', 'application/json', $2, 'b')",
        run_key,
        json.dumps({"group_by_types": [{"id": "medicareId", "display_name": "Medicare ID"}, {"id": 3}]}),
    )
    async with engine.begin() as opened:
        await publish(opened, run_key)
    return run_key


async def get(client: httpx.AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await client.get(f"/api/ontology/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def neighbors(
    client: httpx.AsyncClient, label: str, vertex_id: str, **parameters: Any
) -> list[tuple[str, str, str, str, str]]:
    """Edge label, its ends, label and id of the neighbor."""
    body = await get(client, f"vertices/{label}/{quote(vertex_id, safe='')}/neighbors", **parameters)
    Neighbors.model_validate(body)
    assert body["count"] == len(body["neighbors"])
    return [
        (
            each["edge"]["label"],
            each["edge"]["from_id"],
            each["edge"]["to_id"],
            each["vertex"]["label"],
            each["vertex"]["id"],
        )
        for each in body["neighbors"]
    ]


async def test_labels(client: httpx.AsyncClient) -> None:
    assert await get(client, "labels") == {"labels": VERTEX_LABELS}


async def test_without_a_published_run_the_ontology_is_empty(client: httpx.AsyncClient) -> None:
    stats = await get(client, "stats")
    assert stats["vertex_counts"] == dict.fromkeys(VERTEX_LABELS, 0)
    assert stats["edge_counts"] == dict.fromkeys(EDGE_LABELS, 0)
    for label in VERTEX_LABELS:
        assert await get(client, f"vertices/{label}") == {"vertices": [], "count": 0}
    assert await get(client, "vertices/Metric/losIndex/neighbors") == {"neighbors": [], "count": 0}
    assert (await client.get("/api/ontology/vertices/Metric/losIndex")).status_code == 404
    assert await get(client, "metrics") == {"metrics": [], "count": 0}
    assert await get(client, "dimensions") == {"dimensions": [], "count": 0}


async def test_every_label_is_counted(client: httpx.AsyncClient, published: str) -> None:
    stats = await get(client, "stats")
    OntologyStats.model_validate(stats)
    assert stats["vertex_counts"] == {
        "Classification": 4,
        "Domain": 2,
        "Facility": 2,
        "Metric": 2,
        "ServiceLine": 2,
        "Signal": 5,
        "StatisticalMethod": 2,
    }
    assert stats["edge_counts"] == {
        "has_signal": 5,
        "measures": 5,
        "belongs_to": 2,
        "located_in": 3,
        "classified_as": 7,
        "computed_by": 8,
        "potentially_driven_by": 2,
    }


async def test_what_stands_is_counted_once(
    settings: Settings, published: str, marts: asyncpg.Connection, engine: AsyncEngine
) -> None:
    """Where no answers are kept: the counts are, until another run is published."""
    app = create_app(settings.model_copy(update={"RESPONSE_CACHE_BYTES": 0}))
    counted: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "count(*)" in statement:
            counted.append(statement)

    async with running(app) as client:
        event.listen(app.state.engine.sync_engine, "before_cursor_execute", note)
        first = await get(client, "stats")
        assert first["vertex_counts"]["Signal"] == len(ROWS)
        assert await get(client, "stats") == first
        assert len(counted) == 1
        second = await add_run(marts, "2", [signal_row("F1")])
        async with engine.begin() as opened:
            await publish(opened, second)
        assert (await get(client, "stats"))["vertex_counts"]["Signal"] == 1
        assert len(counted) == 2


async def test_what_is_counted_can_be_walked(client: httpx.AsyncClient, published: str) -> None:
    stats = await get(client, "stats")
    edges: dict[str, set[tuple[str, str]]] = {label: set() for label in EDGE_LABELS}
    backwards: dict[str, set[tuple[str, str]]] = {label: set() for label in EDGE_LABELS}
    for label, count in stats["vertex_counts"].items():
        page = await get(client, f"vertices/{label}")
        VertexPage.model_validate(page)
        ids = [vertex["id"] for vertex in page["vertices"]]
        assert (page["count"], ids) == (count, sorted(set(ids)))
        for vertex in page["vertices"]:
            assert vertex["properties"]["id"] == vertex["id"]
            assert await get(client, f"vertices/{label}/{quote(vertex['id'], safe='')}") == vertex
            for name, start, end, _, _ in await neighbors(client, label, vertex["id"]):
                edges[name].add((start, end))
            for name, start, end, _, _ in await neighbors(client, label, vertex["id"], direction="incoming"):
                backwards[name].add((start, end))
    assert {label: len(found) for label, found in edges.items()} == stats["edge_counts"]
    assert edges == backwards


async def test_properties(client: httpx.AsyncClient, published: str) -> None:
    async def properties(label: str, vertex_id: str) -> dict[str, Any]:
        vertex = await get(client, f"vertices/{label}/{vertex_id}")
        Vertex.model_validate(vertex)
        assert (vertex["label"], vertex["id"]) == (label, vertex_id)
        found: dict[str, Any] = vertex["properties"]
        return found

    assert await properties("Facility", "F1") == {
        "id": "F1",
        "name": "Hospital F1",
        "facility_type": None,
        "system_name": "North",
    }
    metric = await properties("Metric", "losIndex")
    assert metric["name"] == "LOS Index"
    assert (metric["domain"], metric["description"]) == ("Efficiency", "Stay")
    signal = await properties("Signal", IDS["f1"])
    assert signal["created_at"].endswith("Z")
    assert (signal["severity"], signal["magnitude"], signal["trajectory"]) == (70, "severe", "stable")
    other = await properties("Signal", IDS["f2"])
    assert (other["trajectory"], other["consistency"]) == ("worsening", None)
    assert await properties("Domain", "Safety") == {"id": "Safety", "name": "Safety"}
    assert await properties("ServiceLine", "Cardio") == {"id": "Cardio", "name": "Cardio"}
    assert await properties("Classification", "magnitude:severe") == {
        "id": "magnitude:severe",
        "tier_name": "magnitude",
        "tier_value": "severe",
    }
    method = await properties("StatisticalMethod", SLOPE)
    assert method["name"] == "slope_percentile"
    assert method["description"]


async def test_neighbors_of_a_signal(client: httpx.AsyncClient, published: str) -> None:
    signal = IDS["f1_cardio"]
    outgoing = [
        ("classified_as", signal, "signal_type:emerging_risk", "Classification", "signal_type:emerging_risk"),
        ("computed_by", signal, SIMPLE, "StatisticalMethod", SIMPLE),
        ("computed_by", signal, SLOPE, "StatisticalMethod", SLOPE),
        ("located_in", signal, "Cardio", "ServiceLine", "Cardio"),
        ("potentially_driven_by", signal, IDS["f1_falls"], "Signal", IDS["f1_falls"]),
    ]
    incoming = [
        ("has_signal", "F1", signal, "Facility", "F1"),
        ("measures", "losIndex", signal, "Metric", "losIndex"),
    ]
    assert await neighbors(client, "Signal", signal) == outgoing
    assert await neighbors(client, "Signal", signal, direction="incoming") == incoming
    assert await neighbors(client, "Signal", signal, direction="both") == [
        *outgoing[:3],
        incoming[0],
        outgoing[3],
        incoming[1],
        outgoing[4],
    ]


async def test_a_signal_is_driven_by_what_does_not_contradict_it(
    client: httpx.AsyncClient, published: str
) -> None:
    drivers = await neighbors(
        client, "Signal", IDS["f1_falls"], edge_label="potentially_driven_by", direction="incoming"
    )
    # The facility as a whole and its cardiology; neither its neurology nor the other facility.
    expected = sorted((IDS["f1"], IDS["f1_cardio"]))
    assert [(start, end, other) for _, start, end, _, other in drivers] == [
        (start, IDS["f1_falls"], start) for start in expected
    ]
    body = await get(
        client, f"vertices/Signal/{IDS['f1_cardio']}/neighbors", edge_label="potentially_driven_by"
    )
    assert body["neighbors"][0]["edge"]["properties"] == {
        "direction": "forward",
        "rationale": "Falls lengthen stays",
    }
    assert body["neighbors"][0]["vertex"]["properties"]["metric_id"] == "falls"


async def test_neighbors_have_a_limit_and_an_order(client: httpx.AsyncClient, published: str) -> None:
    every = await neighbors(client, "Metric", "losIndex")
    signals = sorted(IDS[name] for name in ("f1", "f2", "f1_cardio", "f1_neuro"))
    assert [found[4] for found in every] == ["Efficiency", *signals]
    assert await neighbors(client, "Metric", "losIndex", limit=3) == every[:3]
    assert await neighbors(client, "Metric", "losIndex", edge_label="belongs_to") == every[:1]
    assert await neighbors(client, "Metric", "losIndex", edge_label="has_signal") == []
    assert await neighbors(client, "Domain", "Efficiency", direction="incoming") == [
        ("belongs_to", "losIndex", "Efficiency", "Metric", "losIndex")
    ]


async def test_vertices_have_a_limit_and_an_order(client: httpx.AsyncClient, published: str) -> None:
    page = await get(client, "vertices/Signal", limit=2)
    assert [vertex["id"] for vertex in page["vertices"]] == sorted(IDS.values())[:2]
    page = await get(client, "vertices/Classification", limit=3)
    assert [vertex["id"] for vertex in page["vertices"]] == [
        "magnitude:severe",
        "signal_type:baseline",
        "signal_type:emerging_risk",
    ]


async def test_signals_that_are_gone_are_no_vertices(
    client: httpx.AsyncClient, published: str, marts: asyncpg.Connection, engine: AsyncEngine
) -> None:
    rows = [row for name, row in ROWS.items() if name != "f1_neuro"]
    second = await add_run(marts, "2", rows)
    await marts.execute(
        "insert into public_marts.dim_metrics (run_key, metric_id, display_name, domain)"
        " values ($1, 'losIndex', 'New name', 'Safety')",
        second,
    )
    async with engine.begin() as opened:
        await publish(opened, second)
    stats = await get(client, "stats")
    assert (stats["vertex_counts"]["Signal"], stats["vertex_counts"]["ServiceLine"]) == (4, 1)
    assert stats["vertex_counts"]["Metric"] == 1
    assert (await client.get(f"/api/ontology/vertices/Signal/{IDS['f1_neuro']}")).status_code == 404
    metric = await get(client, "vertices/Metric/losIndex")
    assert (metric["properties"]["name"], metric["properties"]["domain"]) == ("New name", "Safety")
    # A metric that the run does not describe is still what its signals lead to.
    assert await neighbors(client, "Signal", IDS["f1_falls"], edge_label="measures", direction="both") == [
        ("measures", "falls", IDS["f1_falls"], "Metric", "falls")
    ]


async def test_metrics(client: httpx.AsyncClient, published: str) -> None:
    body = await get(client, "metrics")
    OntologyMetrics.model_validate(body)
    assert body["count"] == 2
    assert body["metrics"][1] == {
        "id": "losIndex",
        "name": "LOS Index",
        "description": "Stay",
        "domain": "Efficiency",
        "polarity": "lower_is_better",
        "unit_type": "ratio",
        "node_count": 3,
        "signal_count": 4,
    }


async def test_dimensions(client: httpx.AsyncClient, published: str) -> None:
    body = await get(client, "dimensions")
    OntologyDimensions.model_validate(body)
    assert body["count"] == 2
    assert [(each["id"], each["name"], each["node_count"]) for each in body["dimensions"]] == [
        ("medicareId", "Medicare ID", 3),
        ("vizientServiceLine", "vizientServiceLine", 1),
    ]
    assert body["dimensions"][0]["dataset_field"] == "medicareId_field"


@pytest.mark.parametrize(
    "vertex_id",
    [
        "unknown",
        "00000000-0000-4000-8000-000000000000",
        "' or '1'='1",
        "x'; drop table signals; --",
        "$$ :word $1 %s",
        "ünï–code",
        "signal_type:",
        "a/b",
        "/a//b",
    ],
)
async def test_an_unknown_vertex(client: httpx.AsyncClient, published: str, vertex_id: str) -> None:
    for label in VERTEX_LABELS:
        answer = await client.get(f"/api/ontology/vertices/{label}/{quote(vertex_id, safe='')}")
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"Vertex not found: {label} {vertex_id}"
        assert await neighbors(client, label, vertex_id, direction="both") == []


async def test_ids_of_signals_are_spelled_one_way(client: httpx.AsyncClient, published: str) -> None:
    signal = IDS["f1"]
    for spelled in (signal.upper(), signal.replace("-", ""), f"{{{signal}}}"):
        if spelled != signal:
            assert (await client.get(f"/api/ontology/vertices/Signal/{spelled}")).status_code == 404


async def test_graphs_share_facilities_and_metrics(
    client: httpx.AsyncClient, published: str, marts: asyncpg.Connection, engine: AsyncEngine
) -> None:
    row = signal_row("F1", graph_name="another")
    other = await add_run(marts, "1", [row], graph_name="another")
    await marts.execute(
        "insert into public_marts.dim_facilities values ($1, 'F1', 'Other name', null)", other
    )
    await marts.execute(
        "insert into public_marts.dim_metrics (run_key, metric_id, display_name, domain, node_count,"
        " signal_count) values ($1, 'losIndex', 'Other name', 'Efficiency', 10, 1)",
        other,
    )
    async with engine.begin() as opened:
        await publish(opened, other)
    stats = await get(client, "stats")
    assert (stats["vertex_counts"]["Facility"], stats["vertex_counts"]["Metric"]) == (2, 2)
    assert (stats["vertex_counts"]["Signal"], stats["edge_counts"]["belongs_to"]) == (6, 2)
    facility = await get(client, "vertices/Facility/F1")
    assert facility["properties"]["name"] == "Other name"
    assert signal_id(row) in {found[4] for found in await neighbors(client, "Facility", "F1")}
    metric = (await get(client, "metrics"))["metrics"][1]
    assert (metric["id"], metric["node_count"], metric["signal_count"]) == ("losIndex", 13, 5)
