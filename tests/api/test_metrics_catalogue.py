"""/api/metrics and /api/metrics/{metric_id}: one catalogue of known and measured metrics."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import httpx
import pytest

from tests.api import marts
from transforms.lifecycle.project_documents import store_project_documents

_LEGACY = {
    "losIndex": ("LOS Index", "Efficiency", "ratio", "lower_is_better"),
    "averageLos": ("Average LOS", "Efficiency", "days", "lower_is_better"),
    "throughput": ("Throughput", "Efficiency", "count", "higher_is_better"),
    "clabsiRate": ("CLABSI Rate", "Safety", "per_1000_days", "lower_is_better"),
    "vaeRate": ("VAE Rate", "Safety", "per_1000_days", "lower_is_better"),
    "fallRate": ("Fall Rate", "Safety", "per_1000_days", "lower_is_better"),
    "readmissionRate": ("Readmission Rate", "Effectiveness", "percentage", "lower_is_better"),
    "mortalityRate": ("Mortality Rate", "Effectiveness", "ratio", "lower_is_better"),
}
_TAXONOMY = {
    "icuCasesFromIcuFile",
    "losMeanExpectedDays",
    "losMeanObservedDays",
    "losVarianceDays",
    "meanIcuDaysIcuFile",
    "pctAllReturnsToIcu",
    "pctIcuEncountersIcuFile",
}
_COLUMNS = "metric_id, display_name, description, domain, polarity, unit_type"


async def _publish(
    connection: asyncpg.Connection,
    graph: str,
    day: int,
    *metrics: tuple[str | None, ...],
    state: str = "published",
) -> None:
    run_key = await marts.add_run(connection, "20260101000000", [], graph_name=graph, state=state)
    await connection.execute(
        "update public.runs set published_at = $2 where run_key = $1",
        run_key,
        datetime(2026, 1, day, tzinfo=UTC),
    )
    await connection.executemany(
        f"insert into public_marts.dim_metrics (run_key, {_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)",
        [(run_key, *metric) for metric in metrics],
    )


@pytest.fixture
async def data(connection: asyncpg.Connection) -> asyncpg.Connection:
    """The catalogue, and no metric of any run."""
    await store_project_documents(connection)
    await connection.execute("drop table if exists public_marts.dim_metrics")
    columns = ", ".join(f"{name} text" for name in ("run_key", *_COLUMNS.split(", ")))
    await connection.execute(f"create table public_marts.dim_metrics ({columns})")
    return connection


async def test_the_catalogue_knows_metrics_that_no_run_has(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    body = (await client.get("/api/metrics")).json()
    metrics = {each["metric_id"]: each for each in body["metrics"]}
    assert body["count"] == len(body["metrics"]) == len(metrics)
    assert set(metrics) == set(_LEGACY) | _TAXONOMY
    assert list(metrics)[:8] == list(_LEGACY)
    for metric_id, expected in _LEGACY.items():
        each = metrics[metric_id]
        assert (each["display_name"], each["domain"], each["unit"], each["direction"]) == expected
        assert (await client.get(f"/api/metrics/{metric_id}")).json() == each
    for each in metrics.values():
        assert each.keys() == {
            "metric_id", "display_name", "description", "domain",
            "domain_description", "unit", "direction", "interpretation",
        }  # fmt: skip
        assert all(isinstance(value, str) and value for value in each.values()), each
    # A return to intensive care is a matter of safety, not of efficiency.
    assert metrics["pctAllReturnsToIcu"]["domain"] == "Safety"
    assert metrics["icuCasesFromIcuFile"]["domain"] == "Utilization"


async def test_domain_and_polarity_are_those_of_the_run_published_last(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    new = ("newRate", "New Rate", "Something new", "Safety", "lower_is_better", "percentage")
    bare = ("bareRate", "bareRate", None, "Other", None, None)
    await _publish(data, "older", 1, ("losIndex", "Index", "x", "Safety", "neutral", "days"))
    await _publish(
        data, "newer", 2, ("losIndex", "Index", "x", "Utilization", "higher_is_better", "days"), new, bare
    )
    await _publish(
        data, "gone", 3, ("goneRate", "Gone", "x", "Safety", "neutral", "days"), state="superseded"
    )
    body = (await client.get("/api/metrics")).json()
    assert body["count"] == 17
    # After those of the catalogue.
    assert [each["metric_id"] for each in body["metrics"]][-2:] == ["bareRate", "newRate"]
    index = (await client.get("/api/metrics/losIndex")).json()
    assert (index["domain"], index["direction"]) == ("Utilization", "higher_is_better")
    assert index["domain_description"] == "How much of a service is used"
    assert (index["display_name"], index["unit"]) == ("LOS Index", "ratio")
    assert (await client.get("/api/metrics/newRate")).json() == {
        "metric_id": "newRate",
        "display_name": "New Rate",
        "description": "Something new",
        "domain": "Safety",
        "domain_description": "Harm that care itself can cause or prevent",
        "unit": "percentage",
        "direction": "lower_is_better",
        "interpretation": "Lower values are better",
    }
    assert (await client.get("/api/metrics/bareRate")).json() == {
        "metric_id": "bareRate",
        "display_name": "bareRate",
        "description": "",
        "domain": "Other",
        "domain_description": "",
        "unit": "",
        "direction": "",
        "interpretation": "",
    }
    assert (await client.get("/api/metrics/goneRate")).status_code == 404


@pytest.mark.parametrize("metric_id", ["nothing", "losindex", "los' or '1'='1", "définition", "x" * 500])
async def test_unknown_metrics_are_404(
    client: httpx.AsyncClient, data: asyncpg.Connection, metric_id: str
) -> None:
    answer = await client.get(f"/api/metrics/{metric_id}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"Metric not found: {metric_id}"


@pytest.mark.parametrize("metric_id", ["a%00b", "x" * 501])
async def test_malformed_metrics_are_422(
    client: httpx.AsyncClient, data: asyncpg.Connection, metric_id: str
) -> None:
    assert (await client.get(f"/api/metrics/{metric_id}")).status_code == 422


async def test_nothing_stored_and_nothing_built_is_an_empty_catalogue(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await data.execute("delete from public.project_documents")
    await data.execute("drop table public_marts.dim_metrics")
    assert (await client.get("/api/metrics")).json() == {"metrics": [], "count": 0}
    assert (await client.get("/api/metrics/losIndex")).status_code == 404
