"""/api/narratives over runs made by hand: whose narrative, of which run."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from backend.config import Settings
from backend.main import create_app
from contracts.ddl import postgres_ddl
from contracts.tables.analysis import NARRATIVES
from tests.api.conftest import running
from tests.api.marts import add_run

CONTRIBUTOR = {"dimension": "Payer", "segment": "Self pay", "excess": 0.5, "trend": None, "flags": []}
PROBLEM = "application/problem+json"


@pytest.fixture
async def data(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The connection, with an empty table of narratives."""
    for statement in postgres_ddl(NARRATIVES):
        await connection.execute(statement)
    yield connection
    await connection.execute(f"drop table public.{NARRATIVES.name}")


def _parts(facility: str, value: float) -> dict[str, Any]:
    return {
        "facility_id": facility,
        "metric_name": "LOS Index",
        "metric_value": value,
        "generated_at": "2026-02-03T07:15:00Z",
        "executive_summary": {
            "metric_value": value,
            "total_segments": 84,
            "facility_segments": 31,
            "pareto_insight": "Few make most",
            "top_contributors_higher": [CONTRIBUTOR],
            "top_contributors_lower": [],
        },
        "cross_metric_comparison": [],
        "pareto_analysis": {
            "positive_excess": [],
            "negative_excess": [],
            "top_n_positive_pct": 0.0,
            "top_n_negative_pct": 0.0,
        },
        "top_drivers": {"higher_los": [], "lower_los": []},
        "insights": {"double_trouble": [], "internal_issue": []},
        "hierarchical_breakdown": [],
    }


async def _add(
    connection: asyncpg.Connection,
    run_key: str,
    narratives: dict[str, float | None],
    *,
    state: str = "published",
    day: int = 1,
) -> None:
    """A run with a narrative each facility; those without a value have no title."""
    graph, run_id = run_key.split("/")
    await add_run(connection, run_id, [], graph_name=graph, state=state)
    published = datetime(2026, 3, day, tzinfo=UTC) if state == "published" else None
    await connection.execute("update runs set published_at = $2 where run_key = $1", run_key, published)
    for facility, value in narratives.items():
        await connection.execute(
            "insert into raw_narratives (run_key, run_id, facility_id, content, parsed, source_file)"
            " values ($1, $2, $3, $4, $5, 'n.md')",
            run_key,
            run_id,
            facility,
            f"# {run_key} \N{SNOWMAN}\n",
            None if value is None else json.dumps(_parts(facility, value)),
        )


async def _value(client: httpx.AsyncClient, facility: str, **parameters: str) -> float:
    answer = await client.get(f"/api/narratives/{facility}", params=parameters)
    assert answer.status_code == 200, answer.text
    value: float = answer.json()["metric_value"]
    return value


async def _facilities(client: httpx.AsyncClient, **parameters: str) -> list[str]:
    body = (await client.get("/api/narratives", params=parameters)).json()
    assert body["count"] == len(body["facilities"])
    facilities: list[str] = body["facilities"]
    return facilities


async def test_without_a_run_there_are_none(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/narratives")).json() == {"facilities": [], "count": 0}
    assert (await client.get("/api/narratives/F1")).status_code == 404


async def test_a_narrative_in_full_in_short_and_as_written(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await _add(data, "g/1", {"AB-12": 1.5})
    assert (await client.get("/api/narratives/AB-12")).json() == _parts("AB-12", 1.5)
    assert (await client.get("/api/narratives/AB-12/summary")).json() == {
        "facility_id": "AB-12",
        "metric_value": 1.5,
        "pareto_insight": "Few make most",
        "top_contributors_higher": [CONTRIBUTOR],
        "top_contributors_lower": [],
    }
    document = await client.get("/api/narratives/AB-12/document")
    assert document.headers["content-type"] == "text/markdown; charset=utf-8"
    assert document.content.decode() == "# g/1 \N{SNOWMAN}\n"


async def test_facilities_are_those_of_published_runs(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await _add(data, "a/1", {"F2": 1.0, "F1": 2.0}, day=1)
    await _add(data, "b/1", {"F2": 3.0, "F3": 4.0}, day=2)
    await _add(data, "b/2", {"F9": 5.0}, state="built")
    assert await _facilities(client) == ["F1", "F2", "F3"]
    assert await _value(client, "F2") == 3.0, "the newest is shown"
    assert (await client.get("/api/narratives/F9")).status_code == 404


async def test_a_graph_can_be_named(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    await _add(data, "a/1", {"F2": 1.0, "F1": 2.0}, day=1)
    await _add(data, "b/1", {"F2": 3.0, "F3": 4.0}, day=2)
    assert await _facilities(client, graph_name="a") == ["F1", "F2"]
    assert await _value(client, "F2", graph_name="a") == 1.0
    for path in ("F3", "F3/summary", "F3/document"):
        answer = await client.get(f"/api/narratives/{path}", params={"graph_name": "a"})
        assert answer.status_code == 404
    assert await _facilities(client, graph_name="' or 1=1 --") == []


@pytest.mark.parametrize(
    ("configured", "state", "value"),
    [
        ("a/2", "built", 2.0),
        ("some/folder/a/2/", "superseded", 2.0),
        ("a/2", "loading", 1.0),
        ("a/2", "failed", 1.0),
        ("b/2", "built", 1.0),
        ("_unset", "built", 1.0),
    ],
)
async def test_the_configured_run_comes_first_if_it_is_loaded(
    settings: Settings, data: asyncpg.Connection, configured: str, state: str, value: float
) -> None:
    await _add(data, "a/1", {"F1": 1.0, "F2": 1.0})
    await _add(data, "a/2", {"F1": 2.0}, state=state)
    app = create_app(settings.model_copy(update={"INSIGHT_GRAPH_RUN": configured}))
    async with running(app) as client:
        assert await _value(client, "F1") == value
        assert await _facilities(client) == (["F1"] if value == 2.0 else ["F1", "F2"])


async def test_a_narrative_without_a_title_is_an_error_of_the_server(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await _add(data, "a/1", {"F1": None})
    for path in ("F1", "F1/summary"):
        answer = await client.get(f"/api/narratives/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
        assert answer.json()["detail"] == "Narrative cannot be read"
    assert (await client.get("/api/narratives/F1/document")).status_code == 200


async def test_ids_that_cannot_be_asked_for_are_not_listed(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await _add(data, "a/1", {"F1": 1.0, "a.b": 2.0, "x y": 3.0})
    assert await _facilities(client) == ["F1"]
    for facility in ("a.b", "x y"):
        assert (await client.get(f"/api/narratives/{facility}")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("F2", 404),
        ("f1", 404),
        ("..%2F..%2Fetc%2Fpasswd", 404),
        ("%00", 404),
        ("' or 1=1 --", 404),
        ("\N{SNOWMAN}", 404),
        ("\N{ARABIC-INDIC DIGIT ONE}", 404),
        ("x" * 50, 404),
        ("x" * 51, 422),
        ("F1?graph_name=%00", 422),
        ("F1?graph_name=" + "x" * 501, 422),
    ],
)
async def test_others_are_problems(
    client: httpx.AsyncClient, data: asyncpg.Connection, asked: str, status: int
) -> None:
    await _add(data, "a/1", {"F1": 1.0})
    facility, mark, query = asked.partition("?")
    for part in ("", "/summary", "/document"):
        answer = await client.get(f"/api/narratives/{facility}{part}{mark}{query}")
        assert answer.headers["content-type"] == PROBLEM
        assert answer.status_code == status, answer.text
