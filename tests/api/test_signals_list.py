"""GET /api/signals: every filter, every sort, pages, totals, and what a signal looks like."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.schemas.signals import Signal, SignalPage
from backend.services.signal_hydrator import publish
from tests.api.marts import TIMELINE, TRENDS, add_run, signal_id, signal_row

ROWS = [
    signal_row("F1", simplified_severity=90, percentile_rank=99.0, metric_value=3.0),
    signal_row(
        "F1", metric_id="averageLos", domain="Utilization", simplified_severity=None, percentile_rank=None
    ),
    signal_row("F1", {"vizientServiceLine": "Cardio"}, simplified_severity=20, percentile_rank=10.0),
    signal_row(
        "F1",
        {"vizientServiceLine": "Cardio", "vizientSubServiceLine": "Valve"},
        group_value="Cardio / Valve",
        simplified_severity=20,
        simplified_signal_type="baseline",
    ),
    signal_row("F2", facility="Mercy, North", system_name="South", domain="Safety", simplified_severity=90),
    signal_row("F3", facility="Lake", system_name=None, domain="Other", simplified_severity=0),
    signal_row(
        "F4",
        facility="Creek",
        simplified_severity=90,
        metric_value=-1.0,
        service_line="Dental/Oral Surgery",
        description="St.Mary is at -2.75 (see http://a.example/signals): <b>Home/Self-care</b>",
    ),
]


@pytest.fixture
async def served(engine: AsyncEngine, connection: asyncpg.Connection) -> list[str]:
    """Ids of the signals of ROWS, which are published; the last one is resolved, the second assigned anew."""
    run_key = await add_run(connection, "1", ROWS)
    async with engine.begin() as opened:
        await publish(opened, run_key)
    ids = [signal_id(row) for row in ROWS]
    for index, status in ((6, "resolved"), (1, "new")):
        await connection.execute(
            "insert into assignments (signal_id, status) values ($1::text::uuid, $2)", ids[index], status
        )
    return ids


async def _ids(client: httpx.AsyncClient, **parameters: Any) -> list[str]:
    answer = await client.get("/api/signals", params={"limit": 100, **parameters})
    assert answer.status_code == 200, answer.text
    body = SignalPage.model_validate_json(answer.content)
    assert body.total_count == len(body.signals)
    return [signal.id for signal in body.signals]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"domain": "Safety"}, [4]),
        ({"domain": "Utilization"}, [1]),
        ({"domain": "Other"}, [5]),
        ({"facility": "Lake"}, [5]),
        ({"facility": "Lake, Creek ,,"}, [5, 6]),
        ({"facility": "Mercy, North"}, [4]),
        ({"facility": ["Mercy, North", "Lake"]}, [4, 5]),
        ({"facility": "F2,F3"}, [4, 5]),
        ({"facility": "F4"}, [6]),
        ({"facility": ","}, []),
        ({"facility": ""}, [0, 1, 2, 3, 4, 5, 6]),
        (
            {"facility": ",".join(["Lake", "Creek", *(f"Hospital {number}" for number in range(1000))])},
            [5, 6],
        ),
        ({"facility": "lake"}, []),
        ({"facility": "x' or '1'='1"}, []),
        ({"system_name": "South"}, [4]),
        ({"system_name": "Nowhere"}, []),
        ({"service_line": "Cardio"}, [2, 3]),
        ({"service_line": "Facility-wide"}, [0, 1, 4, 5]),
        ({"sub_service_line": "Valve"}, [3]),
        ({"metric_id": "averageLos"}, [1]),
        ({"signal_type": "baseline"}, [3]),
        ({"signal_type": "anything"}, []),
        ({"status": "new"}, [0, 1, 2, 3, 4, 5]),
        ({"status": "resolved"}, [6]),
        ({"status": "closed"}, []),
        ({"severity_min": 90}, [0, 4, 6]),
        ({"severity_max": 0}, [5]),
        ({"severity_min": 1, "severity_max": 20}, [2, 3]),
        ({"domain": "Efficiency", "facility": "F1", "service_line": "Cardio"}, [2, 3]),
        ({"domain": "Safety", "facility": "F1"}, []),
        ({"assignee": "00000000-0000-0000-0000-000000000001"}, []),
        ({"q": "mercy"}, [4]),
        ({"q": "car val"}, [3]),
        ({"q": "hospital F1 cardio"}, [2, 3]),
        ({"q": "AVERAGELOS"}, [1]),
        ({"q": "mercy cardio"}, []),
        ({"q": "ercy"}, []),
        ({"q": "Dental/Oral Surgery"}, [6]),
        ({"q": "oral"}, [6]),
        ({"q": "St.Mary"}, [6]),
        ({"q": "mary"}, [6]),
        ({"q": "2.75"}, [6]),
        ({"q": "example"}, [6]),
        ({"q": "self-care"}, [6]),
        ({"q": "signals"}, [6]),
        ({"q": "  "}, [0, 1, 2, 3, 4, 5, 6]),
        ({"q": "'; drop table signals; --"}, []),
        ({"q": "& | ! <-> :* \\"}, []),
        ({"unknown": "parameter"}, [0, 1, 2, 3, 4, 5, 6]),
    ],
)
async def test_filters(
    client: httpx.AsyncClient, served: list[str], parameters: dict[str, Any], expected: list[int]
) -> None:
    assert sorted(await _ids(client, **parameters)) == sorted(served[index] for index in expected)


async def test_inactive_signals_are_listed_on_request(
    client: httpx.AsyncClient, served: list[str], engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    run_key = await add_run(connection, "2", ROWS[:6])
    async with engine.begin() as opened:
        await publish(opened, run_key)
    assert served[6] not in await _ids(client)
    assert await _ids(client, active="false") == [served[6]]
    assert len(await _ids(client, active="all")) == 7
    one = (await client.get(f"/api/signals/{served[6]}")).json()
    assert (one["active"], one["run_id"]) == (False, "1")


SORTS = ["detected_at", "priority", "metric_id", "facility", "metric_value", "percentile_rank"]
KEYS = {"priority": "simplified_severity"}


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
async def test_sorts_with_ties_and_nulls_last(
    client: httpx.AsyncClient, served: list[str], sort: str, order: str
) -> None:
    page = (await client.get("/api/signals", params={"sort_by": sort, "sort_order": order})).json()["signals"]
    key = KEYS.get(sort, sort)
    values = [signal[key] for signal in page]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=order == "desc")
    assert values[len(known) :] == [None] * (len(values) - len(known))
    for value in {str(value) for value in values}:
        tied = [signal["id"] for signal in page if str(signal[key]) == value]
        assert tied == sorted(tied)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
async def test_pages_never_overlap(
    client: httpx.AsyncClient, served: list[str], sort: str, order: str
) -> None:
    common = {"sort_by": sort, "sort_order": order}
    whole = await _ids(client, **common)
    pieces: list[str] = []
    for offset in range(0, 8, 2):
        page = (await client.get("/api/signals", params={**common, "limit": 2, "offset": offset})).json()
        assert (page["total_count"], page["offset"], page["limit"]) == (7, offset, 2)
        pieces += [signal["id"] for signal in page["signals"]]
    assert pieces == whole
    assert sorted(whole) == sorted(served)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_cursors_give_the_same_pages(
    client: httpx.AsyncClient, served: list[str], sort: str, order: str, limit: int
) -> None:
    common = {"sort_by": sort, "sort_order": order}
    whole = await _ids(client, **common)
    pieces: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(8):
        page = (await client.get("/api/signals", params={**common, "limit": limit, **cursor})).json()
        assert page["total_count"] == 7
        pieces += [signal["id"] for signal in page["signals"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert pieces == whole


@pytest.mark.parametrize(
    "cursor", ["x", "%", "☃", "bnVsbA", "W10", "WyJkZXRlY3RlZF9hdCIsImRlc2MiLCJub3ciLCIxIl0"]
)
async def test_cursors_of_nobody_are_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/api/signals", params={"cursor": cursor})
    assert answer.status_code == 400
    assert "cursor" in answer.json()["detail"]


async def test_a_cursor_belongs_to_its_sort(client: httpx.AsyncClient, served: list[str]) -> None:
    page = (await client.get("/api/signals", params={"limit": 2, "sort_by": "facility"})).json()
    other = await client.get("/api/signals", params={"cursor": page["next_cursor"], "sort_by": "metric_id"})
    assert other.status_code == 400


async def test_export_is_the_list_as_csv(
    client: httpx.AsyncClient, served: list[str], connection: asyncpg.Connection
) -> None:
    await connection.execute(
        "update signals set description = $2 where id = $1::text::uuid", served[0], '=1+1, "quoted"\nlines'
    )
    answer = await client.get("/api/signals/export", params={"facility": "F1", "sort_by": "facility"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="signals.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"] for row in rows] == await _ids(client, facility="F1", sort_by="facility")
    exported = next(row for row in rows if row["id"] == served[0])
    # A spreadsheet must not take it for a formula.
    assert exported["description"] == '\'=1+1, "quoted"\nlines'
    assert (exported["metric_value"], exported["percentile_rank"]) == ("3.0", "99.0")
    assert next(row for row in rows if row["id"] == served[1])["percentile_rank"] == ""
    assert exported["workflow_status"] == "new"


async def test_export_of_nothing_has_a_header(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/signals/export")
    assert answer.text.count("\n") == 1
    assert answer.text.startswith("id,metric_id,")


async def test_export_checks_its_parameters(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/signals/export", params={"domain": "Elegance"})
    assert answer.status_code == 422


async def test_newest_first_by_default(
    client: httpx.AsyncClient, served: list[str], connection: asyncpg.Connection
) -> None:
    await connection.execute(
        "update signals set detected_at = now() + interval '1 day' where id = $1::text::uuid", served[3]
    )
    assert (await _ids(client))[0] == served[3]


async def test_a_page_after_the_last_is_empty_but_counts(
    client: httpx.AsyncClient, served: list[str]
) -> None:
    page = (await client.get("/api/signals", params={"offset": 7})).json()
    assert page == {"total_count": 7, "offset": 7, "limit": 25, "next_cursor": None, "signals": []}


async def test_an_empty_database_gives_an_empty_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/signals")).json() == {
        "total_count": 0,
        "offset": 0,
        "limit": 25,
        "next_cursor": None,
        "signals": [],
    }


async def test_a_signal_holds_what_the_mart_holds(client: httpx.AsyncClient, served: list[str]) -> None:
    signal = (await client.get(f"/api/signals/{served[0]}")).json()
    assert set(signal) == set(Signal.model_fields)
    expected = {
        "id": served[0],
        "facility": "Hospital F1",
        "facility_id": "F1",
        "metric_value": 3.0,
        "peer_mean": 1.0,
        "peer_std": 0.2,
        "percentile_rank": 99.0,
        "encounters": 4803,
        "entity_dimensions": {},
        "service_line": "Facility-wide",
        "metric_trend_timeline": TIMELINE,
        "peer_percentile_trends": TRENDS,
        "metadata": {"encounters": 4803, "systemName": "North"},
        "metadata_per_period": {"encounters": [{"period": "2024-07", "value": 120}]},
        "workflow_status": "new",
        "days_open": 0,
        "annual_excess_cost": None,
    }
    assert {name: signal[name] for name in expected} == expected
    assert signal["detected_at"].endswith("Z")
    assert signal["created_at"].endswith("Z")
    listed = (await client.get("/api/signals", params={"facility": "F1"})).json()["signals"]
    assert signal in listed


async def test_workflow_status_is_that_of_the_assignment(
    client: httpx.AsyncClient, served: list[str]
) -> None:
    page = (await client.get("/api/signals", params={"facility": "F4"})).json()
    assert page["signals"][0]["workflow_status"] == "resolved"


@pytest.mark.parametrize(("ago", "days"), [(timedelta(days=3, hours=23), 3), (timedelta(days=-2), 0)])
async def test_days_open_counts_whole_days_and_is_never_negative(
    client: httpx.AsyncClient,
    served: list[str],
    connection: asyncpg.Connection,
    ago: timedelta,
    days: int,
) -> None:
    detected = datetime.now(UTC) - ago
    await connection.execute(
        "update signals set detected_at = $1 where id = $2::text::uuid", detected, served[0]
    )
    assert (await client.get(f"/api/signals/{served[0]}")).json()["days_open"] == days


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("metric_trend_timeline", '[{"period": "202407", "value": "many"}]', "metric_trend_timeline"),
        ("metric_trend_timeline", '{"period": 1}', "metric_trend_timeline"),
        ("metric_trend_timeline", "[{broken", "metric_trend_timeline"),
        ("peer_percentile_trends", '{"periods": ["202407"], "p10": [1.0]}', "peer_percentile_trends"),
        (
            "peer_percentile_trends",
            json.dumps({**TRENDS, "p50": [1.0]}),
            "peer_percentile_trends",
        ),
        ("entity_dimensions", '{"vizientServiceLine": null}', "entity_dimensions"),
        ("entity_dimensions", "[1]", "entity_dimensions"),
        ("metadata", '"text"', "metadata"),
        ("metadata_per_period", "7", "metadata_per_period"),
        ("peer_std", "NaN", "peer_std"),
        ("metric_trend_timeline", "null", "metric_trend_timeline"),
    ],
)
async def test_a_malformed_value_costs_itself_and_nothing_else(
    client: httpx.AsyncClient,
    served: list[str],
    connection: asyncpg.Connection,
    column: str,
    value: str,
    field: str,
) -> None:
    before = {s["id"]: s for s in (await client.get("/api/signals")).json()["signals"]}
    kind = {"entity_dimensions": "jsonb", "peer_std": "double precision"}.get(column, "text")
    await connection.execute(
        f"update signals set {column} = $1::text::{kind} where id = $2::text::uuid", value, served[0]
    )
    answer = await client.get("/api/signals")
    assert "NaN" not in answer.text
    after = {s["id"]: s for s in answer.json()["signals"]}
    assert after[served[0]][field] is None
    before[served[0]][field] = None
    assert after == before


async def test_encounters_written_with_a_point_are_whole_numbers(
    client: httpx.AsyncClient, served: list[str], connection: asyncpg.Connection
) -> None:
    await connection.execute(
        "update signals set metric_trend_timeline = $1 where id = $2::text::uuid",
        '[{"period": "202407", "value": 1, "encounters": 12.0}]',
        served[0],
    )
    signal = (await client.get(f"/api/signals/{served[0]}")).json()
    assert signal["metric_trend_timeline"] == [{"period": "202407", "value": 1.0, "encounters": 12}]


async def test_filter_options(client: httpx.AsyncClient, served: list[str]) -> None:
    assert (await client.get("/api/signals/filter-options")).json() == {
        "metric_id": ["averageLos", "losIndex"],
        "domain": ["Efficiency", "Safety", "Utilization", "Other"],
        "simplified_signal_type": ["baseline", "emerging_risk"],
        "system_name": ["North", "South"],
        "service_line": ["Cardio", "Dental/Oral Surgery", "Facility-wide"],
        "counts": {
            "metric_id": {"averageLos": 1, "losIndex": 6},
            "domain": {"Efficiency": 4, "Safety": 1, "Utilization": 1, "Other": 1},
            "simplified_signal_type": {"baseline": 1, "emerging_risk": 6},
            "system_name": {"North": 5, "South": 1},
            "service_line": {"Cardio": 2, "Dental/Oral Surgery": 1, "Facility-wide": 4},
        },
    }


@pytest.mark.parametrize(
    ("parameters", "metrics", "systems"),
    [
        ({"system_name": "South"}, ["losIndex"], ["South"]),
        ({"facility": "Hospital F1"}, ["averageLos", "losIndex"], ["North"]),
        ({"facility": "Mercy, North"}, ["losIndex"], ["South"]),
        ({"facility": "Lake", "system_name": "North"}, [], []),
    ],
)
async def test_filter_options_of_a_place(
    client: httpx.AsyncClient,
    served: list[str],
    parameters: dict[str, str],
    metrics: list[str],
    systems: list[str],
) -> None:
    options = (await client.get("/api/signals/filter-options", params=parameters)).json()
    assert (options["metric_id"], options["system_name"]) == (metrics, systems)


async def test_facilities(client: httpx.AsyncClient, served: list[str]) -> None:
    async def names(**parameters: str) -> Any:
        return (await client.get("/api/signals/facilities", params=parameters)).json()

    assert await names() == ["Creek", "Hospital F1", "Lake", "Mercy, North"]
    assert await names(system_name="South") == ["Mercy, North"]
    assert await names(system_name="Nowhere") == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"domain": "Elegance"},
        {"status": "done"},
        {"sort_by": "id"},
        {"sort_order": "up"},
        {"limit": 0},
        {"limit": 101},
        {"limit": "ten"},
        {"offset": -1},
        {"offset": 10**30},
        {"severity_min": 101},
        {"active": "maybe"},
        {"facility": "a\0b"},
        {"q": "a\0b"},
        {"assignee": "somebody"},
        {"service_line": "x" * 501},
    ],
)
async def test_parameters_out_of_range_are_named(
    client: httpx.AsyncClient, parameters: dict[str, Any]
) -> None:
    answer = await client.get("/api/signals", params=parameters)
    assert answer.status_code == 422
    (name,) = parameters
    body = answer.json()
    assert body["detail"][0]["loc"][:2] == ["query", name]
    assert {"type", "loc", "msg", "input"} <= set(body["detail"][0])
    assert body["errors"][0]["location"] == "query"
    assert body["errors"][0]["field"].startswith(name)


async def test_a_trailing_slash_is_redirected(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/signals/")
    assert answer.status_code == 307
    assert answer.headers["location"].endswith("/api/signals")
