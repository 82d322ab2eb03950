"""/api/metrics: definitions of the semantic layer, as shipped, of other kinds, and missing."""

from __future__ import annotations

import hashlib
import json

import asyncpg
import httpx
import pytest

from tests.api.questions import arrange, problem, rows, value


@pytest.fixture
async def data(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Published runs to ask about."""
    await arrange(connection)
    return connection


_MORE = [
    {
        "name": "critical_share",
        "type": "ratio",
        "type_params": {"numerator": {"name": "critical_signals"}, "denominator": {"name": "safety_signals"}},
    },
    {
        "name": "recent_signals",
        "type": "cumulative",
        "type_params": {
            "measure": {"name": "signal_count"},
            "cumulative_type_params": {"window": {"count": 7, "granularity": "day"}},
        },
    },
    {
        "name": "signals_of_month",
        "type": "cumulative",
        "type_params": {
            "measure": {"name": "signal_count"},
            "cumulative_type_params": {"grain_to_date": "month"},
        },
    },
    {
        "name": "encounters_per_signal",
        "type": "derived",
        "type_params": {
            "expr": "2 * (encounters - 7) / signals + 1",
            "metrics": [
                {"name": "total_encounters_covered", "alias": "encounters"},
                {
                    "name": "total_signals",
                    "alias": "signals",
                    "filter": {"where_filters": [{"where_sql_template": "facility_id <> 'F3'"}]},
                },
            ],
        },
    },
    {"name": "median_z", "type": "simple", "type_params": {"measure": {"name": "median_z"}}},
]


async def _define(connection: asyncpg.Connection) -> None:
    """Add metrics of the kinds that the project ships none of."""
    content = await connection.fetchval(
        "select content from public.project_documents where name = 'manifest'"
    )
    manifest = json.loads(content)
    manifest["metrics"].extend(_MORE)
    (signals,) = (each for each in manifest["semantic_models"] if each["name"] == "signals")
    signals["measures"].append({"name": "median_z", "agg": "median", "expr": "simple_zscore"})
    changed = json.dumps(manifest)
    await connection.execute(
        "update public.project_documents set content = $1, checksum = $2 where name = 'manifest'",
        changed,
        hashlib.sha256(changed.encode()).hexdigest(),
    )


async def test_other_kinds_of_metrics(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    assert await problem(client, "critical_share") == "Unknown metric: critical_share"
    await _define(data)
    assert await value(client, "critical_share") == 1.0
    # F2 has neither a critical signal nor one of safety: it is no group; F3 none that is critical.
    assert await rows(client, "critical_share", group_by=["facility_id"]) == [
        {"facility_id": "F1", "critical_share": 2.0},
        {"facility_id": "F3", "critical_share": 0.0},
    ]
    # A division by zero is null.
    assert await rows(client, "critical_share", group_by=["metric_id"], where="domain = 'Efficiency'") == [
        {"metric_id": "losIndex", "critical_share": None}
    ]
    assert await rows(client, "recent_signals", group_by=["detected_at"]) == [
        {"detected_at": "2026-01-31", "recent_signals": 5},
        {"detected_at": "2026-02-10", "recent_signals": 3},
    ]
    assert await value(client, "recent_signals") == 3
    assert await rows(client, "signals_of_month", group_by=["detected_at"]) == [
        {"detected_at": "2026-01-31", "signals_of_month": 5},
        {"detected_at": "2026-02-10", "signals_of_month": 3},
    ]
    assert await value(client, "encounters_per_signal") == pytest.approx(2 * 200 / 7 + 1)
    # F3 has 7 encounters and no signal that counts.
    assert await rows(client, "encounters_per_signal", group_by=["facility_id"]) == [
        {"facility_id": "F1", "encounters_per_signal": pytest.approx(2 * 143 / 5 + 1)},
        {"facility_id": "F2", "encounters_per_signal": pytest.approx(2 * 43 / 2 + 1)},
        {"facility_id": "F3", "encounters_per_signal": None},
    ]
    assert "there is no aggregation median" in await problem(client, "median_z")


async def test_definitions(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    definitions = (await client.get("/api/metrics/definitions")).json()
    assert [each["name"] for each in definitions] == sorted(each["name"] for each in definitions)
    assert {each["type"] for each in definitions} == {"simple", "derived", "cumulative"}
    trend = (await client.get("/api/metrics/definitions", params={"category": "Trend"})).json()
    assert [each["name"] for each in trend] == ["cumulative_encounters", "cumulative_signals"]
    assert (await client.get("/api/metrics/definitions", params={"category": "None"})).json() == []
    one = await client.get("/api/metrics/definitions/critical_signals")
    body = one.json()
    assert {
        "detected_at", "severity", "domain", "anomaly_classification", "facility_id",
        "service_line", "sub_service_line", "metric_id", "direction",
    } <= set(body.pop("available_dimensions"))  # fmt: skip
    assert body == {
        "name": "critical_signals",
        "description": "Signals of severity 80 and more",
        "label": "Critical Signals",
        "type": "simple",
        "category": "Volume",
        "display_format": "{:,d}",
    }
    derived = (await client.get("/api/metrics/definitions/critical_signal_rate")).json()
    assert derived["available_dimensions"] == []
    missing = await client.get("/api/metrics/definitions/nothing")
    assert missing.status_code == 404
    assert missing.json()["detail"] == "Metric not found: nothing"


async def test_semantic_models_and_categories(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    models = {each["name"]: each for each in (await client.get("/api/metrics/semantic-models")).json()}
    assert {name: model["table_name"] for name, model in models.items()} == {
        "signals": "fct_signals",
        "contributions": "fct_contributions",
        "facilities": "dim_facilities",
        "metrics_dim": "dim_metrics",
    }
    assert models["contributions"]["measures"] == ["contribution_count", "impact_score"]
    assert models["metrics_dim"]["measures"] == []
    assert "first_seen_at" in models["facilities"]["dimensions"]
    assert (await client.get("/api/metrics/categories")).json() == [
        "Contribution", "Coverage", "Domain", "Performance", "Ratio", "Statistical", "Trend", "Volume",
    ]  # fmt: skip


async def test_without_a_manifest_there_is_no_semantic_layer(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await data.execute("delete from public.project_documents")
    for path in ("definitions", "definitions/total_signals", "semantic-models", "categories"):
        assert (await client.get(f"/api/metrics/{path}")).status_code == 503
    await problem(client, "total_signals", 503)
    content = json.dumps({"format": 999})
    await data.execute(
        "insert into public.project_documents (name, content, checksum) values ('manifest', $1, 'x')", content
    )
    await problem(client, "total_signals", 503)


async def test_before_the_first_build_there_are_no_rows(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await data.execute("drop table public_marts.fct_contributions")
    assert await rows(client, "total_contributions") == []
