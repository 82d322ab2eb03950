"""Raw tables of runs made by hand: what loading would leave behind, as small as a test needs it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx

from contracts.ddl import postgres_ddl
from contracts.tables.results import ANOMALIES, ENTITY_RESULTS, STATISTICAL_METHODS
from contracts.tables.run import NODE_RESULTS, RUN_DOCUMENTS, RUNS
from tests.api.marts import GRAPH, add_run

TABLES = (RUNS, RUN_DOCUMENTS, NODE_RESULTS, ENTITY_RESULTS, STATISTICAL_METHODS, ANOMALIES)
NODE = "losIndex__medicareId__aggregate_time_period"
TREND = "losIndex__medicareId__dischargeMonth"
SIMPLE = "statistical_method__simple_zscore__aggregate_time_period"
ROBUST = "statistical_method__robust_zscore__aggregate_time_period"
TRENDING = "statistical_method__trending_simple_zscore__trending_time_period"
SLOPE = "statistical_method__slope_percentile__trending_time_period"


@asynccontextmanager
async def raw_tables(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The connection, with the raw tables empty; they go again, for who has no runs needs none."""
    for table in TABLES:
        for statement in postgres_ddl(table):
            await connection.execute(statement)
    yield connection
    for table in TABLES:
        await connection.execute(f"drop table public.{table.name}")


async def insert(connection: asyncpg.Connection, table: str, **values: Any) -> None:
    places = ", ".join(f"${position}" for position in range(1, len(values) + 1))
    await connection.execute(
        f"insert into public.{table} ({', '.join(values)}) values ({places})", *values.values()
    )


async def add(
    connection: asyncpg.Connection,
    run_id: str = "20260101120000",
    *,
    graph: str = GRAPH,
    state: str = "built",
    created_at: str | None = "2026-01-01T12:00:00-06:00",
    nodes: tuple[str, ...] = (NODE,),
    dot: str | None = None,
) -> dict[str, str]:
    """A run of the registry and of the raw tables; returns what its rows are keyed by."""
    run_key = await add_run(connection, run_id, [], graph_name=graph, state=state)
    run = {"run_key": run_key, "run_id": run_id}
    await insert(connection, "raw_runs", **run, graph_name=graph, created_at=created_at, source_file="m")
    for node in nodes:
        methods = [SIMPLE, ROBUST] if node == NODE else [TRENDING, SLOPE]
        await insert(
            connection,
            "raw_node_results",
            **run,
            canonical_node_id=node,
            metric_id="losIndex",
            result_path=f"results/nodes/{node}.jsonl",
            statistical_methods=json.dumps(methods),
            display_name="Medicare Id",
            comparison_group="peers",
            source_file="g",
        )
    if dot is not None:
        await insert(
            connection,
            "raw_run_documents",
            **run,
            document_type="dot",
            media_type="text/vnd.graphviz",
            content=dot,
            source_file="graphviz/graphviz_condensed.dot",
        )
    return run


async def add_entity(
    connection: asyncpg.Connection, run: dict[str, str], line: int | None, node: str = NODE, **values: Any
) -> str:
    entity = values.pop("entity", [{"id": "medicareId", "value": f"F{line}", "dataset_field": "medicareId"}])
    key = f"{node}:{line}:{values.get('entity_key', '')}"
    row = {
        "entity_key": key,
        "canonical_node_id": node,
        "metric_id": "losIndex",
        "facility_id": f"F{line}",
        "entity": json.dumps(entity),
        "entity_dimensions": "{}",
        "entity_dimensions_hash": "h",
        "source_file": "f",
        "line_number": line,
    }
    await insert(connection, "raw_entity_results", **{**run, **row, **values})
    return values.get("entity_key", key)


async def add_method(
    connection: asyncpg.Connection,
    run: dict[str, str],
    entity: str,
    line: int,
    method: str,
    anomalies: tuple[tuple[str, str], ...] = (),
    node: str = NODE,
    **values: Any,
) -> None:
    row = {
        **run,
        "entity_key": entity,
        "canonical_node_id": node,
        "statistical_method": method,
        "source_file": "f",
        "line_number": line,
    }
    name = method.split("__")[1]
    await insert(
        connection, "raw_statistical_methods", **row, method_name=name, suppressed=not values, **values
    )
    for applies_to, anomaly in anomalies:
        rule = f"anomaly_method__{name}__{applies_to}"
        await insert(
            connection, "raw_anomalies", **row, anomaly_method=rule, applies_to=applies_to, anomaly=anomaly
        )


async def get(client: httpx.AsyncClient, path: str = "", **parameters: Any) -> Any:
    answer = await client.get(f"/api/runs{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def problem(client: httpx.AsyncClient, path: str, status: int, **parameters: Any) -> str:
    answer = await client.get(f"/api/runs{path}", params=parameters)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["type"].rpartition(":")[2]


def path_of(run: dict[str, str], rest: str = "") -> str:
    graph = run["run_key"].partition("/")[0]
    return f"/graphs/{graph}/runs/{run['run_id']}{rest}"
