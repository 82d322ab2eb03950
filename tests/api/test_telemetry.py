"""GET /metrics: counts that agree with what was asked."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from backend import telemetry
from backend.config import Settings
from backend.main import create_app
from backend.telemetry import Telemetry
from tests.api.conftest import running
from tests.api.marts import add_run, signal_row


async def _samples(client: httpx.AsyncClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def _key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_requests_are_counted_by_route(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/api/signals/facilities")
    for number in range(4):
        await client.get(f"/api/signals/00000000-0000-0000-0000-00000000000{number}")
    await client.get("/nowhere")
    samples = await _samples(client)
    count = "compass_http_requests_total"
    assert samples[_key(count, method="GET", route="/api/signals/{signal_id}", status="404")] == 4
    facilities = [
        value
        for (name, labels), value in samples.items()
        if name == count and dict(labels)["route"] in ("/api/signals/facilities", "(from memory)")
    ]
    assert sum(facilities) == 3
    assert samples[_key(count, method="GET", route="(none)", status="404")] == 1
    seconds = samples[
        _key("compass_http_request_seconds_count", method="GET", route="/api/signals/{signal_id}")
    ]
    assert seconds == 4


async def test_ids_do_not_add_up_whatever_they_hold(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.get(f"/api/runs/graph%2F{number}")
        await client.get(f"/api/ontology/vertices/Facility/a%2F{number}")
        await client.get("/api/metrics/metrics")
    samples = await _samples(client)
    routes = {dict(labels)["route"] for name, labels in samples if name == "compass_http_requests_total"}
    assert {
        route for route in routes if route.startswith(("/api/runs", "/api/ontology", "/api/metrics"))
    } == {
        "/api/runs/{run}",
        "/api/ontology/vertices/{label}/{vertex_id}",
        "/api/metrics/{metric_id}",
    }


async def test_state_of_the_worker_is_shown(settings: Settings, connection: asyncpg.Connection) -> None:
    await add_run(connection, "1", [signal_row("F1")], state="published")
    await connection.execute("update runs set published_at = '2026-01-02T03:04:05Z'")
    async with running(create_app(settings), reloading=False) as client:
        await client.get("/api/signals")
        await client.get("/api/signals")
        samples = await _samples(client)
    assert samples[_key("compass_response_memory_hits_total")] == 1
    assert samples[_key("compass_response_memory_bytes")] > 0
    assert samples[_key("compass_database_connections", database="primary", state="in_use")] == 0
    assert samples[_key("compass_published_timestamp_seconds", graph="graph", run_id="1")] == pytest.approx(
        1_767_323_045
    )


def _counted(counts: Telemetry) -> dict[str, float]:
    """Numbers of the answers from memory, without the time they were first counted at."""
    return {
        f"{sample.name} {sample.labels.get('le', '')}": sample.value
        for family in (counts._requests, counts._seconds)
        for metric in family.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


async def test_many_at_once_count_as_one_by_one() -> None:
    amounts = [0.0, 0.0004, 0.001, 0.0010001, 0.003, 0.25, 9.0, 11.0, 0.003]
    together, each = Telemetry(FastAPI()), Telemetry(FastAPI())
    scope = {"method": "GET", "path": "/api/signals"}
    for amount in amounts:
        together.tally("GET", 200).add(amount)
        each.observe(scope, 200, amount)
    assert _counted(together)["compass_http_requests_total "] == 0
    together.settle()
    assert _counted(together) == pytest.approx(_counted(each))
    assert _counted(each)["compass_http_requests_total "] == len(amounts)
    together.settle()
    assert _counted(together) == pytest.approx(_counted(each))


async def test_answers_from_memory_are_counted_without_being_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other workers add up what this one wrote down."""
    monkeypatch.setattr(telemetry, "_TALLY_SECONDS", 0.01)
    counts = Telemetry(FastAPI())
    for _ in range(2):
        for _ in range(3):
            counts.tally("GET", 304).add(0.0001)
        await asyncio.sleep(0.1)
    assert _counted(counts)["compass_http_requests_total "] == 6
