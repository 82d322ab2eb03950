"""/api/metrics: questions to the semantic layer, over marts made by hand."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from tests.api import marts
from transforms.lifecycle.project_documents import store_project_documents

JANUARY = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 10, 8, tzinfo=UTC)

_CONTRIBUTIONS = """run_key text, graph_name text, metric_id text, is_node_metric boolean,
    method text, parent_entity_key text, contribution_direction text, abs_excess double precision,
    parent_service_line text, child_service_line text, child_sub_service_line text, loaded_at timestamptz"""
_FACILITIES = """run_key text, facility_id text, facility_name text, system_name text,
    primary_service_line text, signal_count bigint, encounters bigint, loaded_at timestamptz"""


def _signal(facility: str, severity: int, number: int, **values: Any) -> dict[str, Any]:
    return marts.signal_row(
        facility, {"vizientServiceLine": f"Line {number}"}, simplified_severity=severity, **values
    )


OLD = [
    _signal("F1", 80, 1, simple_zscore=-3.0, metric_value=1.5, benchmark=1.0),
    _signal("F1", 79, 2, simple_zscore=1.0, metric_value=0.5, benchmark=1.0, domain="Safety"),
    _signal("F1", 60, 3, simple_zscore=None, metric_value=1.0, benchmark=1.0),
    _signal("F2", 59, 1, simple_zscore=2.0, metric_value=5.0, benchmark=None, sub_service_line="Sub 1"),
    _signal("F2", 40, 2, simple_zscore=0.0, metric_value=7.0, benchmark=0.0),
]
NEW = [
    _signal("F1", 39, 1, simple_zscore=None, graph_name="other", metric_value=None),
    _signal("F1", 100, 2, simple_zscore=None, graph_name="other", metric_value=None),
    _signal("F3", 0, 1, simple_zscore=None, graph_name="other", metric_value=None, domain="Safety"),
]


@pytest.fixture
async def data(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Two published runs of two graphs, and one that a newer run took the place of."""
    await store_project_documents(connection)
    await connection.execute(
        "alter table public_marts.fct_signals add column if not exists loaded_at timestamptz"
    )
    for name, columns in (("fct_contributions", _CONTRIBUTIONS), ("dim_facilities", _FACILITIES)):
        await connection.execute(f"drop table if exists public_marts.{name}")
        await connection.execute(f"create table public_marts.{name} ({columns})")
    old = await marts.add_run(connection, "20260131000000", OLD, state="published")
    new = await marts.add_run(connection, "20260210000000", NEW, graph_name="other", state="published")
    gone = await marts.add_run(connection, "20250101000000", OLD, state="superseded")
    for run_key, moment in ((old, JANUARY), (new, FEBRUARY), (gone, JANUARY)):
        await connection.execute(
            "update public_marts.fct_signals set loaded_at = $2 where run_key = $1", run_key, moment
        )
    await connection.executemany(
        "insert into public_marts.dim_facilities (run_key, facility_id, encounters, loaded_at)"
        " values ($1, $2, $3, $4)",
        [
            (old, "F1", 100, JANUARY),
            (old, "F2", 50, JANUARY),
            (new, "F1", 150, FEBRUARY),
            (new, "F3", 7, FEBRUARY),
            (gone, "F9", 10_000, JANUARY),
        ],
    )
    await connection.executemany(
        "insert into public_marts.fct_contributions (run_key, metric_id, is_node_metric, parent_entity_key,"
        " contribution_direction, abs_excess, loaded_at) values ($1, $2, $3, 'parent', $4, $5, $6)",
        [
            (old, "losIndex", True, "positive", 1.0, JANUARY),
            (old, "losIndex", True, "positive", 2.0, JANUARY),
            (old, "losIndex", True, "negative", 4.5, JANUARY),
            (old, "losIndex", True, "neutral", 0.0, JANUARY),
            (old, "simple_zscore", False, "positive", 100.0, JANUARY),
            (gone, "losIndex", True, "negative", 50.0, JANUARY),
        ],
    )
    return connection


async def _rows(client: httpx.AsyncClient, metric: str, **query: Any) -> list[dict[str, Any]]:
    answer = await client.post(f"/api/metrics/query/{metric}", json=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["metric_name"] == metric
    assert body["dimensions"] == query.get("group_by", [])
    assert body["row_count"] == len(body["rows"])
    assert body["sql"] is None
    return list(body["rows"])


async def _value(client: httpx.AsyncClient, metric: str, **query: Any) -> Any:
    (row,) = await _rows(client, metric, **query)
    assert row.keys() == {metric}
    return row[metric]


async def _problem(client: httpx.AsyncClient, metric: str, status: int = 400, **query: Any) -> str:
    answer = await client.post(f"/api/metrics/query/{metric}", json=query)
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["status"] == status
    return str(body["detail"])


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("total_signals", 8),
        ("critical_signals", 2),
        ("high_priority_signals", 2),
        ("moderate_signals", 2),
        ("watch_signals", 2),
        ("critical_signal_rate", 0.25),
        ("actionable_signal_rate", 0.5),
        ("signals_per_facility", 8 / 3),
        ("efficiency_signals", 6),
        ("safety_signals", 2),
        ("effectiveness_signals", 0),
        ("efficiency_signal_share", 0.75),
        ("safety_signal_share", 0.25),
        ("avg_z_score_magnitude", 1.5),
        ("avg_robust_zscore_magnitude", None),
        # (0.5 - 0.5 + 0) / 3: no benchmark, or one of 0, says nothing.
        ("avg_variance_from_benchmark", 0.0),
        ("unique_facilities", 3),
        # F1 as the run loaded last has it.
        ("total_encounters_covered", 150 + 50 + 7),
        ("total_contributions", 4),
        ("positive_contributors", 2),
        ("negative_contributors", 1),
        ("positive_contributor_rate", 0.5),
        ("avg_impact_score", 1.875),
        ("cumulative_signals", 8),
        ("cumulative_encounters", 207),
    ],
)
async def test_every_shipped_metric(
    client: httpx.AsyncClient, data: asyncpg.Connection, metric: str, value: float | None
) -> None:
    found = await _value(client, metric)
    assert found == (None if value is None else pytest.approx(value))
    assert type(found) is type(value)


async def test_every_definition_is_covered_above(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    listed = {each["name"] for each in (await client.get("/api/metrics/definitions")).json()}
    (mark,) = (each for each in test_every_shipped_metric.pytestmark if each.name == "parametrize")
    assert listed == {metric for metric, _ in mark.args[1]}


async def test_groups_are_in_order_with_null_last(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    assert await _rows(client, "total_signals", group_by=["severity", "domain"]) == [
        {"severity": "critical", "domain": "Efficiency", "total_signals": 2},
        {"severity": "high", "domain": "Efficiency", "total_signals": 1},
        {"severity": "high", "domain": "Safety", "total_signals": 1},
        {"severity": "moderate", "domain": "Efficiency", "total_signals": 2},
        {"severity": "watch", "domain": "Efficiency", "total_signals": 1},
        {"severity": "watch", "domain": "Safety", "total_signals": 1},
    ]
    assert await _rows(client, "total_signals", group_by=["sub_service_line"]) == [
        {"sub_service_line": "Sub 1", "total_signals": 1},
        {"sub_service_line": None, "total_signals": 7},
    ]
    assert await _rows(client, "total_signals", group_by=["facility_id"], limit=2) == [
        {"facility_id": "F1", "total_signals": 5},
        {"facility_id": "F2", "total_signals": 2},
    ]


async def test_a_repeated_dimension_is_one_column(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    rows = await _rows(client, "total_signals", group_by=["domain", "domain"])
    assert rows == [
        {"domain": "Efficiency", "total_signals": 6},
        {"domain": "Safety", "total_signals": 2},
    ]


async def test_a_simple_metric_has_the_groups_it_finds_a_derived_one_all_of_its_inputs(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    assert await _rows(client, "critical_signals", group_by=["facility_id"]) == [
        {"facility_id": "F1", "critical_signals": 2}
    ]
    assert await _rows(client, "critical_signal_rate", group_by=["facility_id"]) == [
        {"facility_id": "F1", "critical_signal_rate": 0.4},
        {"facility_id": "F2", "critical_signal_rate": 0.0},
        {"facility_id": "F3", "critical_signal_rate": 0.0},
    ]


async def test_encounters_of_each_run(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    assert await _rows(client, "total_encounters_covered", group_by=["run_key"]) == [
        {"run_key": "graph/20260131000000", "total_encounters_covered": 150},
        {"run_key": "other/20260210000000", "total_encounters_covered": 157},
    ]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("facility_id = 'F1'", 5),
        ("facility_id <> 'F1'", 3),
        ("facility_id = 'F1'' OR ''1''=''1'", 0),
        ("{{ Dimension('signal__severity') }} = 'critical'", 2),
        ("{{ Dimension('signals__severity') }} = 'critical'", 2),
        ("severity in ('critical', 'watch') and domain = 'Safety'", 1),
        ("severity not in ('critical', 'watch') or domain = 'Safety'", 5),
        ("not (severity = 'critical' or facility_id = 'F2')", 4),
        ("sub_service_line is null", 7),
        ("sub_service_line is not null", 1),
        # Unknown is neither equal nor different.
        ("sub_service_line = 'Sub 1' or sub_service_line <> 'Sub 1'", 1),
        ("facility_id between 'F2' and 'F3'", 3),
        ("direction = 'above'", 2),
        ("direction = 'below'", 1),
        ("detected_at = '2026-01-31'", 5),
        ("detected_at > '2026-01-31'", 3),
        ("detected_at < '2026-01-31T23:30:01Z'", 5),
        ("detected_at between '2026-02-01' and '2026-02-28'", 3),
        ("", 8),
        (None, 8),
    ],
)
async def test_where(
    client: httpx.AsyncClient, data: asyncpg.Connection, where: str | None, count: int
) -> None:
    assert await _value(client, "total_signals", where=where) == count


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"where": "1 = 1 UNION SELECT email FROM users"}, "at character 1"),
        ({"where": "facility_id = 'x' UNION SELECT email FROM users"}, "at character 19"),
        ({"where": "facility_id = :name"}, "at character 15"),
        ({"where": "entity_key = 'x'"}, "unknown dimension entity_key"),
        ({"where": "contribution__metric_id = 'x'"}, "unknown dimension contribution__metric_id"),
        ({"where": "{{ Dimension('facility__facility_id') }} = 'x'"}, "not facility__facility_id"),
        ({"where": "domain = 1"}, "at character 10"),
        ({"group_by": ["(select email from users)"]}, "Unknown dimension '(select email from users)'"),
        ({"group_by": ["entity_key"]}, "Unknown dimension 'entity_key'"),
        ({"group_by": ["domain", ""]}, "Unknown dimension ''"),
        ({"start_date": "2026-02-01", "end_date": "2026-01-31"}, "is after end_date"),
        ({"group_by": ["domain"], "grain": "month"}, "A grain needs a dimension of time"),
    ],
)
async def test_what_cannot_be_asked_is_400(
    client: httpx.AsyncClient, data: asyncpg.Connection, query: dict[str, Any], detail: str
) -> None:
    assert detail in await _problem(client, "total_signals", **query)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 10_001},
        {"limit": "many"},
        {"group_by": "domain"},
        {"group_by": [1]},
        {"group_by": None},
        {"group_by": ["domain"] * 21},
        {"grain": "decade"},
        {"start_date": "yesterday"},
        {"where": "domain = 'a\0'"},
        {"where": "x" * 10_001},
        {"where": 5},
    ],
)
async def test_malformed_questions_are_422(
    client: httpx.AsyncClient, data: asyncpg.Connection, query: dict[str, Any]
) -> None:
    await _problem(client, "total_signals", 422, **query)


async def test_no_body_and_unknown_keys_ask_for_everything(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    answer = await client.post("/api/metrics/query/total_signals")
    assert answer.json()["rows"] == [{"total_signals": 8}]
    assert await _value(client, "total_signals", order="random") == 8


async def test_unknown_metrics_cannot_be_queried(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    assert await _problem(client, "losIndex") == "Unknown metric: losIndex"
    answer = await client.post("/api/metrics/query/%00", json={})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("dates", "count"),
    [
        ({"end_date": "2026-01-31"}, 5),
        ({"end_date": "2026-01-30"}, 0),
        ({"start_date": "2026-02-01"}, 3),
        ({"start_date": "2026-01-31", "end_date": "2026-02-10"}, 8),
        ({"start_date": "2026-02-10", "end_date": "2026-02-10"}, 3),
        ({"start_date": "0001-01-01", "end_date": "9999-12-31"}, 8),
    ],
)
async def test_dates_are_whole_days_and_may_come_alone(
    client: httpx.AsyncClient, data: asyncpg.Connection, dates: dict[str, str], count: int
) -> None:
    assert await _value(client, "total_signals", **dates) == count


async def test_time_is_grouped_by_grain(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    expected = {
        None: ["2026-01-31", "2026-02-10"],
        "day": ["2026-01-31", "2026-02-10"],
        "week": ["2026-01-26", "2026-02-09"],
        "month": ["2026-01-01", "2026-02-01"],
    }
    for grain, (first, second) in expected.items():
        assert await _rows(client, "total_signals", group_by=["detected_at"], grain=grain) == [
            {"detected_at": first, "total_signals": 5},
            {"detected_at": second, "total_signals": 3},
        ]
    for grain in ("quarter", "year"):
        assert await _rows(client, "total_signals", group_by=["detected_at"], grain=grain) == [
            {"detected_at": "2026-01-01", "total_signals": 8}
        ]


async def test_running_totals(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    by_day = {"group_by": ["detected_at"]}
    assert await _rows(client, "cumulative_signals", **by_day) == [
        {"detected_at": "2026-01-31", "cumulative_signals": 5},
        {"detected_at": "2026-02-10", "cumulative_signals": 8},
    ]
    # What was before the first period shown counts all the same.
    assert await _rows(client, "cumulative_signals", **by_day, start_date="2026-02-01") == [
        {"detected_at": "2026-02-10", "cumulative_signals": 8}
    ]
    assert await _rows(client, "cumulative_signals", **by_day, end_date="2026-02-01") == [
        {"detected_at": "2026-01-31", "cumulative_signals": 5}
    ]
    assert await _value(client, "cumulative_signals", end_date="2026-02-01") == 5
    assert await _rows(client, "cumulative_signals", group_by=["detected_at"], grain="year") == [
        {"detected_at": "2026-01-01", "cumulative_signals": 8}
    ]
    assert await _rows(client, "cumulative_signals", where="facility_id = 'F9'", **by_day) == []


async def test_a_running_total_of_a_group_stays_when_the_group_has_no_new_row(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    rows = await _rows(client, "cumulative_signals", group_by=["graph_name", "detected_at"])
    assert rows == [
        {"graph_name": "graph", "detected_at": "2026-01-31", "cumulative_signals": 5},
        {"graph_name": "graph", "detected_at": "2026-02-10", "cumulative_signals": 5},
        {"graph_name": "other", "detected_at": "2026-02-10", "cumulative_signals": 3},
    ]


async def test_a_running_total_counts_each_facility_once(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    assert await _rows(client, "cumulative_encounters", group_by=["first_seen_at"]) == [
        {"first_seen_at": "2026-01-31", "cumulative_encounters": 150},
        {"first_seen_at": "2026-02-10", "cumulative_encounters": 207},
    ]


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
    assert await _problem(client, "critical_share") == "Unknown metric: critical_share"
    await _define(data)
    assert await _value(client, "critical_share") == 1.0
    # F2 has neither a critical signal nor one of safety: it is no group; F3 none that is critical.
    assert await _rows(client, "critical_share", group_by=["facility_id"]) == [
        {"facility_id": "F1", "critical_share": 2.0},
        {"facility_id": "F3", "critical_share": 0.0},
    ]
    # A division by zero is null.
    assert await _rows(client, "critical_share", group_by=["metric_id"], where="domain = 'Efficiency'") == [
        {"metric_id": "losIndex", "critical_share": None}
    ]
    assert await _rows(client, "recent_signals", group_by=["detected_at"]) == [
        {"detected_at": "2026-01-31", "recent_signals": 5},
        {"detected_at": "2026-02-10", "recent_signals": 3},
    ]
    assert await _value(client, "recent_signals") == 3
    assert await _rows(client, "signals_of_month", group_by=["detected_at"]) == [
        {"detected_at": "2026-01-31", "signals_of_month": 5},
        {"detected_at": "2026-02-10", "signals_of_month": 3},
    ]
    assert await _value(client, "encounters_per_signal") == pytest.approx(2 * 200 / 7 + 1)
    # F3 has 7 encounters and no signal that counts.
    assert await _rows(client, "encounters_per_signal", group_by=["facility_id"]) == [
        {"facility_id": "F1", "encounters_per_signal": pytest.approx(2 * 143 / 5 + 1)},
        {"facility_id": "F2", "encounters_per_signal": pytest.approx(2 * 43 / 2 + 1)},
        {"facility_id": "F3", "encounters_per_signal": None},
    ]
    assert "there is no aggregation median" in await _problem(client, "median_z")


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
    await _problem(client, "total_signals", 503)
    content = json.dumps({"format": 999})
    await data.execute(
        "insert into public.project_documents (name, content, checksum) values ('manifest', $1, 'x')", content
    )
    await _problem(client, "total_signals", 503)


async def test_before_the_first_build_there_are_no_rows(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await data.execute("drop table public_marts.fct_contributions")
    assert await _rows(client, "total_contributions") == []
