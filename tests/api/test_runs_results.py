"""Results of a node, on tables made by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from backend.schemas.runs import NodeResults
from tests.api.raw import (
    NODE,
    ROBUST,
    SIMPLE,
    SLOPE,
    TREND,
    TRENDING,
    add,
    add_entity,
    add_method,
    get,
    path_of,
    problem,
    raw_tables,
)


@pytest.fixture
async def raw(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The connection, with the raw tables empty."""
    async with raw_tables(connection) as opened:
        yield opened


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
