"""/api/metrics: questions to the semantic layer, over marts made by hand."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest

from tests.api.questions import arrange, problem, rows, value


@pytest.fixture
async def data(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Published runs to ask about."""
    await arrange(connection)
    return connection


@pytest.mark.parametrize(
    ("metric", "expected"),
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
    client: httpx.AsyncClient, data: asyncpg.Connection, metric: str, expected: float | None
) -> None:
    found = await value(client, metric)
    assert found == (None if expected is None else pytest.approx(expected))
    assert type(found) is type(expected)


async def test_every_definition_is_covered_above(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    listed = {each["name"] for each in (await client.get("/api/metrics/definitions")).json()}
    (mark,) = (each for each in test_every_shipped_metric.pytestmark if each.name == "parametrize")
    assert listed == {metric for metric, _ in mark.args[1]}


async def test_groups_are_in_order_with_null_last(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    assert await rows(client, "total_signals", group_by=["severity", "domain"]) == [
        {"severity": "critical", "domain": "Efficiency", "total_signals": 2},
        {"severity": "high", "domain": "Efficiency", "total_signals": 1},
        {"severity": "high", "domain": "Safety", "total_signals": 1},
        {"severity": "moderate", "domain": "Efficiency", "total_signals": 2},
        {"severity": "watch", "domain": "Efficiency", "total_signals": 1},
        {"severity": "watch", "domain": "Safety", "total_signals": 1},
    ]
    assert await rows(client, "total_signals", group_by=["sub_service_line"]) == [
        {"sub_service_line": "Sub 1", "total_signals": 1},
        {"sub_service_line": None, "total_signals": 7},
    ]
    assert await rows(client, "total_signals", group_by=["facility_id"], limit=2) == [
        {"facility_id": "F1", "total_signals": 5},
        {"facility_id": "F2", "total_signals": 2},
    ]


async def test_a_repeated_dimension_is_one_column(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    found = await rows(client, "total_signals", group_by=["domain", "domain"])
    assert found == [
        {"domain": "Efficiency", "total_signals": 6},
        {"domain": "Safety", "total_signals": 2},
    ]


async def test_a_simple_metric_has_the_groups_it_finds_a_derived_one_all_of_its_inputs(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    assert await rows(client, "critical_signals", group_by=["facility_id"]) == [
        {"facility_id": "F1", "critical_signals": 2}
    ]
    assert await rows(client, "critical_signal_rate", group_by=["facility_id"]) == [
        {"facility_id": "F1", "critical_signal_rate": 0.4},
        {"facility_id": "F2", "critical_signal_rate": 0.0},
        {"facility_id": "F3", "critical_signal_rate": 0.0},
    ]


async def test_encounters_of_each_run(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    assert await rows(client, "total_encounters_covered", group_by=["run_key"]) == [
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
    assert await value(client, "total_signals", where=where) == count


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
    assert detail in await problem(client, "total_signals", **query)


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
        {"end_date": 0},
        {"where": "domain = 'a\0'"},
        {"where": "x" * 10_001},
        {"where": 5},
    ],
)
async def test_malformed_questions_are_422(
    client: httpx.AsyncClient, data: asyncpg.Connection, query: dict[str, Any]
) -> None:
    await problem(client, "total_signals", 422, **query)


async def test_no_body_and_unknown_keys_ask_for_everything(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    answer = await client.post("/api/metrics/query/total_signals")
    assert answer.json()["rows"] == [{"total_signals": 8}]
    assert await value(client, "total_signals", order="random") == 8


async def test_unknown_metrics_cannot_be_queried(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    assert await problem(client, "losIndex") == "Unknown metric: losIndex"
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
    assert await value(client, "total_signals", **dates) == count


async def test_time_is_grouped_by_grain(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    expected = {
        None: ["2026-01-31", "2026-02-10"],
        "day": ["2026-01-31", "2026-02-10"],
        "week": ["2026-01-26", "2026-02-09"],
        "month": ["2026-01-01", "2026-02-01"],
    }
    for grain, (first, second) in expected.items():
        assert await rows(client, "total_signals", group_by=["detected_at"], grain=grain) == [
            {"detected_at": first, "total_signals": 5},
            {"detected_at": second, "total_signals": 3},
        ]
    for grain in ("quarter", "year"):
        assert await rows(client, "total_signals", group_by=["detected_at"], grain=grain) == [
            {"detected_at": "2026-01-01", "total_signals": 8}
        ]


async def test_running_totals(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    by_day = {"group_by": ["detected_at"]}
    assert await rows(client, "cumulative_signals", **by_day) == [
        {"detected_at": "2026-01-31", "cumulative_signals": 5},
        {"detected_at": "2026-02-10", "cumulative_signals": 8},
    ]
    # What was before the first period shown counts all the same.
    assert await rows(client, "cumulative_signals", **by_day, start_date="2026-02-01") == [
        {"detected_at": "2026-02-10", "cumulative_signals": 8}
    ]
    assert await rows(client, "cumulative_signals", **by_day, end_date="2026-02-01") == [
        {"detected_at": "2026-01-31", "cumulative_signals": 5}
    ]
    assert await value(client, "cumulative_signals", end_date="2026-02-01") == 5
    assert await rows(client, "cumulative_signals", group_by=["detected_at"], grain="year") == [
        {"detected_at": "2026-01-01", "cumulative_signals": 8}
    ]
    assert await rows(client, "cumulative_signals", where="facility_id = 'F9'", **by_day) == []


async def test_a_running_total_of_a_group_stays_when_the_group_has_no_new_row(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    found = await rows(client, "cumulative_signals", group_by=["graph_name", "detected_at"])
    assert found == [
        {"graph_name": "graph", "detected_at": "2026-01-31", "cumulative_signals": 5},
        {"graph_name": "graph", "detected_at": "2026-02-10", "cumulative_signals": 5},
        {"graph_name": "other", "detected_at": "2026-02-10", "cumulative_signals": 3},
    ]


async def test_a_running_total_counts_each_facility_once(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    assert await rows(client, "cumulative_encounters", group_by=["first_seen_at"]) == [
        {"first_seen_at": "2026-01-31", "cumulative_encounters": 150},
        {"first_seen_at": "2026-02-10", "cumulative_encounters": 207},
    ]


async def test_a_thousand_rows_unless_asked_for_more(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await data.execute(
        "insert into public_marts.fct_signals (run_key, entity_key, facility_id, loaded_at)"
        " select 'graph/20260131000000', n::text, 'X' || n, now() from generate_series(1, 1100) as n"
    )
    assert len(await rows(client, "total_signals", group_by=["facility_id"])) == 1000
    assert len(await rows(client, "total_signals", group_by=["facility_id"], limit=10_000)) == 1103
