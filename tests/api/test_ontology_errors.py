"""What /api/ontology refuses, and what keeps it from answering."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.services.signal_hydrator import publish
from tests.api.marts import add_run, signal_row


@pytest.mark.parametrize(
    "path", ["vertices/Nothing", "vertices/Nothing/x", "vertices/Nothing/x/neighbors", "vertices/signal"]
)
async def test_an_unknown_label_is_invalid(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/ontology/{path}")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid label")


async def test_an_unknown_edge_label_is_invalid(client: httpx.AsyncClient) -> None:
    path = "/api/ontology/vertices/Signal/x/neighbors"
    answer = await client.get(path, params={"edge_label": "drives"})
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:quality-compass:problem:label-unknown"


async def test_trailing_slashes_are_redirected(client: httpx.AsyncClient) -> None:
    for path in ("labels", "vertices/Signal", "vertices/Signal/x", "vertices/Signal/x/neighbors"):
        answer = await client.get(f"/api/ontology/{path}/")
        assert (answer.status_code, answer.headers["location"]) == (307, f"http://api/api/ontology/{path}")


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("vertices/Signal", {"limit": 0}),
        ("vertices/Signal", {"limit": -1}),
        ("vertices/Signal", {"limit": 1001}),
        ("vertices/Signal/x/neighbors", {"limit": 0}),
        ("vertices/Signal/x/neighbors", {"direction": "sideways"}),
        ("vertices/Signal/x/neighbors", {"edge_label": "a\0"}),
        ("vertices/%00", {}),
        ("vertices/Signal/%00", {}),
        ("vertices/Signal/%00/neighbors", {}),
        ("vertices/Signal/" + "x" * 501, {}),
    ],
)
async def test_malformed_parameters(client: httpx.AsyncClient, path: str, parameters: dict[str, Any]) -> None:
    assert (await client.get(f"/api/ontology/{path}", params=parameters)).status_code == 422


async def test_marts_that_are_missing_make_it_unavailable(
    client: httpx.AsyncClient, connection: asyncpg.Connection, engine: AsyncEngine
) -> None:
    run_key = await add_run(connection, "1", [signal_row()])
    async with engine.begin() as opened:
        await publish(opened, run_key)
    for path in ("stats", "metrics", "vertices/Metric", "vertices/Metric/x/neighbors"):
        answer = await client.get(f"/api/ontology/{path}")
        assert answer.status_code == 503, path
        assert "temporarily unavailable" in answer.json()["detail"]
        assert "relation" not in answer.text
