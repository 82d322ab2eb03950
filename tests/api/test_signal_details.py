"""One signal: details, trend, relations, edits."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.schemas.signals import Signal, SignalChildren, SignalParent, SignalTemporal
from backend.schemas.technical import TechnicalDetails
from backend.services.signal_hydrator import publish
from tests.api.marts import (
    FACILITY_NODE,
    SERVICE_LINE_NODE,
    SUB_SERVICE_LINE_NODE,
    add_run,
    edge,
    signal_id,
    signal_row,
)

UNKNOWN = "00000000-0000-4000-8000-000000000000"
CARDIO = {"vizientServiceLine": "Cardio"}
VALVE = {**CARDIO, "vizientSubServiceLine": "Valve"}
EDGES = [edge(FACILITY_NODE, SERVICE_LINE_NODE), edge(SERVICE_LINE_NODE, SUB_SERVICE_LINE_NODE)]


async def _publish(
    engine: AsyncEngine,
    connection: asyncpg.Connection,
    rows: list[dict[str, Any]],
    edges: list[dict[str, Any]] | None = None,
    run_id: str = "1",
) -> list[str]:
    run_key = await add_run(connection, run_id, rows, edges or [])
    async with engine.begin() as opened:
        await publish(opened, run_key)
    return [signal_id(row) for row in rows]


async def _get(client: httpx.AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await client.get(f"/api/signals/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", ["", "/temporal", "/technical-details", "/related", "/children", "/parent"])
async def test_unknown_and_malformed_ids(client: httpx.AsyncClient, path: str) -> None:
    unknown = await client.get(f"/api/signals/{UNKNOWN}{path}")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert "Signal not found" in unknown.json()["detail"]
    malformed = await client.get(f"/api/signals/not-a-uuid{path}")
    assert malformed.status_code == 422
    assert malformed.json()["detail"][0]["loc"] == ["path", "signal_id"]


async def test_technical_details_are_those_of_the_very_entity(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    # Facility totals have equal dimensions; metrics and nodes are shared too.
    rows = [signal_row(f"F{n}", simple_zscore=float(n), peer_count=n) for n in range(3)]
    ids = await _publish(engine, connection, rows)
    for number, one in enumerate(ids):
        details = await _get(client, f"{one}/technical-details")
        assert TechnicalDetails.model_validate(details)
        assert set(details) == set(TechnicalDetails.model_fields)
        assert (details["simple_zscore"], details["peer_count"]) == (float(number), number)
        assert details["simplified_severity_range"] == [40, 69]
        assert details["simplified_inputs"] == {"aggregate_zscore": 1.25}
        assert details["monthly_z_scores"] == [1.5, None]
        assert details["magnitude_tier"] == "elevated"
        assert details["data_quality_suppressed"] is False
        assert details["percentile_rank"] == 88.5
        assert details["line_number"] == 2


async def test_technical_details_of_a_signal_without_any_are_404(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    (one,) = await _publish(engine, connection, [signal_row()])
    await connection.execute("delete from public_marts.fct_signals")
    answer = await client.get(f"/api/signals/{one}/technical-details")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("technical-details-missing")
    assert (await _get(client, f"{one}/temporal"))["slope_percentile"] is None


async def test_a_malformed_detail_is_left_out(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    malformed = {"monthly_z_scores": '{"a": 1}', "simplified_inputs": "[1]", "simplified_indicators": "{bro"}
    (one,) = await _publish(engine, connection, [signal_row(**malformed)])
    details = await _get(client, f"{one}/technical-details")
    assert [details[name] for name in malformed] == [None, None, None]
    assert details["simple_zscore"] == 1.25


async def test_details_kept_by_an_earlier_version_are_read(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    (one,) = await _publish(engine, connection, [signal_row()])
    await connection.execute(
        "update signals set technical_details = $1",
        json.dumps({"monthly_z_scores": [0.5], "simplified_inputs": {"a": 1}, "slope": "steep"}),
    )
    details = await _get(client, f"{one}/technical-details")
    shown = [details[name] for name in ("monthly_z_scores", "simplified_inputs", "slope")]
    assert shown == [[0.5], {"a": 1}, None]


@pytest.mark.parametrize("damage", ["drop schema public_marts cascade", "{rename} metadata to other"])
async def test_marts_that_are_gone_cost_the_documents_and_nothing_else(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, damage: str
) -> None:
    rows = [signal_row(), signal_row(metric_id="averageLos")]
    one, other = await _publish(engine, connection, rows)
    before = await _get(client, one)
    rename = "alter table public_marts.fct_signals rename column"
    await connection.execute(damage.format(rename=rename))
    try:
        expected = {
            **before,
            "metric_trend_timeline": None,
            "metadata": None,
            "metadata_per_period": None,
            "peer_percentile_trends": None,
        }
        await connection.execute("update public.data_versions set version = version + 1")
        assert await _get(client, one, fresh="1") == expected
        page = (await client.get("/api/signals", params={"fresh": 1})).json()
        assert page["total_count"] == 2
        assert expected in page["signals"]
        assert [each["id"] for each in await _get(client, f"{one}/related", fresh="1")] == [other]
        edited = await client.patch(f"/api/signals/{one}", json={"description": "Mine"})
        assert (edited.status_code, edited.json()["description"]) == (200, "Mine")
    finally:
        await connection.execute("drop schema if exists public_marts cascade")


async def test_temporal(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    without = signal_row(
        "F2",
        temporal_node_id=None,
        metric_trend_timeline=None,
        monthly_z_scores=None,
        slope_percentile=None,
        monthly_z_score_method=None,
    )
    ids = await _publish(engine, connection, [signal_row("F1"), without])
    trend = await _get(client, f"{ids[0]}/temporal")
    assert SignalTemporal.model_validate(trend)
    assert trend == {
        "signal_id": ids[0],
        "temporal_node_id": "losIndex__medicareId__dischargeMonth",
        "has_temporal_data": True,
        "slope_percentile": 71.5,
        "monthly_z_scores": [1.5, None],
        "monthly_z_score_method": "simple",
        "monthly_values": [1.25, None],
    }
    assert await _get(client, f"{ids[1]}/temporal") == {
        "signal_id": ids[1],
        "temporal_node_id": None,
        "has_temporal_data": False,
        "slope_percentile": None,
        "monthly_z_scores": None,
        "monthly_z_score_method": None,
        "monthly_values": None,
    }


async def test_related_are_of_the_same_place_and_another_metric(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows = [
        signal_row("F1"),
        signal_row("F1", metric_id="a", simplified_severity=10),
        signal_row("F1", metric_id="b", simplified_severity=None),
        signal_row("F1", metric_id="c", simplified_severity=70),
        signal_row("F2", metric_id="a"),
        signal_row("F1", {"dischargeStatus": "Home"}, metric_id="a"),
        signal_row("F1", canonical_node_id="another_node"),
    ]
    ids = await _publish(engine, connection, rows)
    related = await _get(client, f"{ids[0]}/related")
    assert [signal["id"] for signal in related] == [ids[3], ids[1], ids[2]]
    assert [Signal.model_validate(signal).related_signal_count for signal in related] == [4, 4, 4]
    assert (await _get(client, ids[0]))["related_signal_count"] == 3
    assert await _get(client, f"{ids[5]}/related") == []


async def test_related_are_at_most_ten_with_ties_by_id(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows = [signal_row("F1", metric_id=f"m{n}") for n in range(15)]
    ids = await _publish(engine, connection, rows)
    related = [signal["id"] for signal in await _get(client, f"{ids[0]}/related")]
    assert related == sorted(ids[1:])[:10]
    assert (await _get(client, ids[0]))["related_signal_count"] == 14


async def test_children_and_parent_follow_the_graph(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows = [
        signal_row("F1"),
        signal_row("F1", CARDIO, canonical_node_id=SERVICE_LINE_NODE, simplified_severity=10),
        signal_row(
            "F1",
            {"vizientServiceLine": "Neuro"},
            canonical_node_id=SERVICE_LINE_NODE,
            simplified_severity=80,
        ),
        signal_row("F1", VALVE, canonical_node_id=SUB_SERVICE_LINE_NODE),
        signal_row("F1", CARDIO, canonical_node_id=SERVICE_LINE_NODE, metric_id="other"),
        signal_row("F2", CARDIO, canonical_node_id=SERVICE_LINE_NODE),
        signal_row("F1", {"payerSegment": "Self"}, canonical_node_id="unconnected"),
    ]
    ids = await _publish(engine, connection, rows, EDGES)
    top = await _get(client, f"{ids[0]}/children")
    assert SignalChildren.model_validate(top)
    assert [child["signal_id"] for child in top["children"]] == [ids[2], ids[1]]
    assert (top["signal_id"], top["canonical_node_id"], top["edge_type"]) == (
        ids[0],
        FACILITY_NODE,
        "drills_to",
    )
    assert top["graph_edge_type"] == "segments_into"
    assert (top["total_count"], top["has_children"]) == (2, True)
    limited = await _get(client, f"{ids[0]}/children", limit=1)
    assert [child["signal_id"] for child in limited["children"]] == [ids[2]]
    assert limited["total_count"] == 2

    up = await _get(client, f"{ids[3]}/parent")
    assert SignalParent.model_validate(up)
    assert (up["parent"]["signal_id"], up["has_parent"]) == (ids[1], True)
    assert up["parent"]["service_line"] == "Cardio"
    assert up["graph_edge_type"] == "segments_into"

    for leaf in (ids[2], ids[3], ids[5], ids[6]):
        empty = await _get(client, f"{leaf}/children")
        assert (empty["children"], empty["total_count"], empty["has_children"]) == ([], 0, False)
        assert empty["graph_edge_type"] is None
    for root in (ids[0], ids[4], ids[5], ids[6]):
        none = await _get(client, f"{root}/parent")
        assert (none["parent"], none["has_parent"]) == (None, False)
    for one in ids:
        signal = await _get(client, one)
        assert signal["has_children"] is (await _get(client, f"{one}/children"))["has_children"]
        assert signal["has_parent"] is (await _get(client, f"{one}/parent"))["has_parent"]


async def test_the_nearest_parent_shares_most_dimensions(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows = [
        signal_row("F1", simplified_severity=99),
        signal_row("F1", CARDIO, canonical_node_id=SERVICE_LINE_NODE, simplified_severity=1),
        signal_row("F1", VALVE, canonical_node_id=SUB_SERVICE_LINE_NODE),
    ]
    edges = [*EDGES, edge(FACILITY_NODE, SUB_SERVICE_LINE_NODE)]
    ids = await _publish(engine, connection, rows, edges)
    assert (await _get(client, f"{ids[2]}/parent"))["parent"]["signal_id"] == ids[1]


async def test_relations_of_inactive_signals_are_empty(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows = [
        signal_row("F1"),
        signal_row("F1", CARDIO, canonical_node_id=SERVICE_LINE_NODE),
        signal_row("F1", metric_id="a"),
    ]
    ids = await _publish(engine, connection, rows, EDGES)
    await _publish(engine, connection, rows[1:], EDGES, run_id="2")
    gone = await _get(client, ids[0])
    assert (gone["has_children"], gone["related_signal_count"]) == (False, 0)
    assert (await _get(client, f"{ids[0]}/children"))["children"] == []
    assert await _get(client, f"{ids[0]}/related") == []
    assert (await _get(client, f"{ids[1]}/parent"))["parent"] is None
    assert await _get(client, f"{ids[2]}/related") == []


@pytest.mark.parametrize("limit", [0, 101, "many"])
async def test_children_limit_is_checked(client: httpx.AsyncClient, limit: Any) -> None:
    assert (await client.get(f"/api/signals/{UNKNOWN}/children?limit={limit}")).status_code == 422


async def test_patch_changes_what_is_given(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    row = signal_row()
    (one,) = await _publish(engine, connection, [row])
    before = await _get(client, one)

    async def patch(**body: Any) -> Any:
        answer = await client.patch(f"/api/signals/{one}", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == await _get(client, one)
        return answer.json()

    assert await patch() == before
    assert await patch(unknown=1, status="closed") == before
    assert (await patch(description="Longer stays"))["description"] == "Longer stays"
    assert (await patch(why_matters_narrative="Beds"))["why_matters_narrative"] == "Beds"
    both = await patch(description="x", why_matters_narrative=None)
    assert (both["description"], both["why_matters_narrative"]) == ("x", None)

    await _publish(engine, connection, [{**row, "description": "From the run"}], run_id="2")
    assert (await _get(client, one))["description"] == "x"


@pytest.mark.parametrize(
    "body",
    [
        {"description": None},
        {"description": ""},
        {"description": " \n\t"},
        {"description": 7},
        {"description": "a\0b"},
        {"description": "x" * 10_001},
        {"why_matters_narrative": "a\0b"},
        {"why_matters_narrative": ["x"]},
        [],
    ],
)
async def test_patch_refuses_what_cannot_be_stored(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection, body: Any
) -> None:
    (one,) = await _publish(engine, connection, [signal_row()])
    before = await _get(client, one)
    answer = await client.patch(f"/api/signals/{one}", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"
    assert await _get(client, one) == before


async def test_patch_of_an_unknown_signal(client: httpx.AsyncClient) -> None:
    for body in ({}, {"description": "x"}):
        answer = await client.patch(f"/api/signals/{UNKNOWN}", json=body)
        assert answer.status_code == 404
        assert "Signal not found" in answer.json()["detail"]


async def test_edits_while_a_run_is_published_are_kept(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    row = signal_row()
    (one,) = await _publish(engine, connection, [row])
    run_key = await add_run(connection, "2", [{**row, "metric_value": 7.0, "description": "From the run"}])
    async with engine.connect() as publishing:
        await publish(publishing, run_key)
        edit = asyncio.create_task(client.patch(f"/api/signals/{one}", json={"description": "Mine"}))
        await asyncio.sleep(0.2)
        assert not edit.done(), "the edit waits for the publish"
        await publishing.commit()
    assert (await edit).status_code == 200
    signal = await _get(client, one)
    assert (signal["description"], signal["metric_value"]) == ("Mine", 7.0)
