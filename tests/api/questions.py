"""Questions to the semantic layer, and marts made by hand to ask them of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx

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


async def arrange(connection: asyncpg.Connection) -> None:
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


async def rows(client: httpx.AsyncClient, metric: str, **query: Any) -> list[dict[str, Any]]:
    """Rows of an answer, whose frame is checked."""
    answer = await client.post(f"/api/metrics/query/{metric}", json=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["metric_name"] == metric
    assert body["dimensions"] == query.get("group_by", [])
    assert body["row_count"] == len(body["rows"])
    assert body["sql"] is None
    return list(body["rows"])


async def value(client: httpx.AsyncClient, metric: str, **query: Any) -> Any:
    """The value of a metric that is not grouped."""
    (row,) = await rows(client, metric, **query)
    assert row.keys() == {metric}
    return row[metric]


async def problem(client: httpx.AsyncClient, metric: str, status: int = 400, **query: Any) -> str:
    """What the service says is wrong with a question."""
    answer = await client.post(f"/api/metrics/query/{metric}", json=query)
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["status"] == status
    return str(body["detail"])
