"""/api/modeling where no run was ever loaded."""

from __future__ import annotations

import httpx


async def test_nothing_is_an_answer(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/modeling/summary")).json() == {
        "run": None,
        "experiments": [],
        "experiment_count": 0,
        "best_experiment": None,
    }
    assert (await client.get("/api/modeling/experiments")).json() == {"experiments": [], "count": 0}
    asked = {"run_id": "20260101000000", "top_n": 3}
    assert (await client.get("/api/modeling/drivers", params=asked)).json() == {
        "run_id": "20260101000000",
        "estimator": "unknown",
        "drivers": [],
        "top_n": 3,
    }
