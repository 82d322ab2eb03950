"""What a run changed against another, on marts made by hand."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx

from backend.schemas.runs import RunDiff
from tests.api.marts import GRAPH, add_run, signal_id, signal_row
from tests.api.raw import get, problem


async def test_what_a_run_changed_against_another(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    def rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            signal_row(f"F{n}", **change)
            for n, change in enumerate(changes)
            if change.get("there") is not False
        ]

    there = {"simplified_severity": 50, "simplified_signal_type": "baseline"}
    gone = {"there": False}
    before = rows(there, there, there, there, there, there, gone, gone, there)
    after = rows(
        there,
        {**there, "simplified_severity": 60},
        {**there, "simplified_severity": 40, "simplified_signal_type": "critical_trajectory"},
        {**there, "simplified_severity": 59, "simplified_signal_type": "recovering"},
        {**there, "simplified_severity": 41, "simplified_signal_type": "improving_leader"},
        {**there, "metric_value": 1.5, "simplified_signal_type": "suspect_data"},
        {**there, "simplified_severity": 10},
        {**there, "simplified_severity": 90},
        gone,
    )
    for row in (*before, *after):
        row.pop("there", None)
    ids = [signal_id(signal_row(f"F{n}")) for n in range(9)]
    first, second = await add_run(connection, "1", before), await add_run(connection, "2", after)
    body = await get(client, f"/{first.replace('/', '%2F')}/diff/2")
    RunDiff.model_validate(body)
    assert body["before"] == {"run_key": first, "graph_name": GRAPH, "run_id": "1", "state": "built"}
    assert body["after"]["run_key"] == second
    listed = {kind: [each["signal_id"] for each in body[kind]] for kind in body["counts"] if kind in body}
    assert listed == {
        "new": [ids[7], ids[6]],
        "gone": [ids[8]],
        "regressed": [ids[1], ids[3]],
        "improved": [ids[4], ids[2]],
        "changed": [ids[5]],
    }
    assert body["counts"] == {
        "new": 2,
        "gone": 1,
        "regressed": 2,
        "improved": 2,
        "changed": 1,
        "unchanged": 1,
    }
    changed = body["changed"][0]
    assert changed["changed"] == ["metric_value", "simplified_signal_type"]
    assert (changed["before"]["metric_value"], changed["after"]["metric_value"]) == (1.25, 1.5)
    assert (body["new"][0]["before"], body["gone"][0]["after"]) == (None, None)
    assert (body["new"][0]["changed"], body["new"][0]["facility"]) == ([], "Hospital F7")
    few = await get(client, "/1/diff/2", limit=1)
    assert few["counts"] == body["counts"]
    assert [each["signal_id"] for each in few["regressed"]] == [ids[1]]
    none = await get(client, "/1/diff/2", limit=0)
    assert (none["counts"], none["new"]) == (body["counts"], [])
    back = await get(client, "/2/diff/1")
    assert [each["signal_id"] for each in back["gone"]] == [ids[7], ids[6]]
    assert (back["counts"]["regressed"], back["counts"]["improved"]) == (2, 2)


async def test_runs_that_cannot_be_compared(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    await add_run(connection, "1", [signal_row()])
    await add_run(connection, "2", [signal_row()], graph_name="other")
    await add_run(connection, "3", [], state="loaded")
    assert await problem(client, "/1/diff/2", 400) == "graphs-differ"
    assert await problem(client, "/1/diff/3", 409) == "run-has-no-signals"
    assert await problem(client, "/1/diff/4", 404) == "run-unknown"
    assert await problem(client, "/1/diff/1", 422, limit=1001) == "invalid-request"
