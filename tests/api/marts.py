"""Marts made by hand: what the models would leave behind, as small as a test needs it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import asyncpg

from backend.config import without_driver

GRAPH = "graph"
FACILITY_NODE = "losIndex__medicareId__aggregate_time_period"
SERVICE_LINE_NODE = "losIndex__medicareId__vizientServiceLine__aggregate_time_period"
SUB_SERVICE_LINE_NODE = "losIndex__medicareId__vizientServiceLine__vizientSubServiceLine__aggregate"

_TEXT = """run_key run_id graph_name entity_key metric_id canonical_node_id facility_id entity_dimensions_hash
    entity_dimensions groupby_label group_value facility system_name service_line sub_service_line domain
    metric_name polarity unit_type description simple_zscore_anomaly robust_zscore_anomaly
    latest_simple_zscore_anomaly mean_simple_zscore_anomaly latest_robust_zscore_anomaly
    mean_robust_zscore_anomaly slope_anomaly trend_direction momentum monthly_z_scores monthly_z_score_method
    temporal_node_id metric_trend_timeline metadata metadata_per_period peer_percentile_trends
    simplified_signal_type simplified_inputs simplified_indicators simplified_reasoning
    simplified_severity_calculation magnitude_tier trajectory_tier consistency_tier source_file"""
_FLOAT = """metric_value benchmark peer_mean peer_std percentile_rank global_metric_mean global_metric_std
    simple_zscore robust_zscore latest_simple_zscore mean_simple_zscore latest_robust_zscore
    mean_robust_zscore slope slope_percentile acceleration coefficient_of_variation"""
_BIGINT = """peer_count encounters simplified_severity simplified_severity_min simplified_severity_max
    classified_period_count line_number"""
COLUMNS = {
    **dict.fromkeys(_TEXT.split(), "text"),
    **dict.fromkeys(_FLOAT.split(), "double precision"),
    **dict.fromkeys(_BIGINT.split(), "bigint"),
}
EDGE_COLUMNS = {
    **dict.fromkeys(
        ("run_key", "source_node_id", "target_node_id", "edge_type", "edge_type_normalized"), "text"
    ),
    "is_hierarchy": "boolean",
}

TIMELINE = [
    {"period": "202407", "value": 1.25, "encounters": 120},
    {"period": "202408", "value": None, "encounters": None},
]
TRENDS = {
    "periods": ["202407", "202408"],
    **{name: [0.5, None] for name in ("p10", "p25", "p50", "p75", "p90")},
    "sample_sizes": [118, 117],
    "suppression_applied": {"p10": [False, True]},
}


def canonical(value: Any) -> str:
    """JSON as PostgreSQL prints jsonb of an object of strings."""
    return json.dumps(dict(sorted(value.items(), key=lambda item: (len(item[0]), item[0]))))


def signal_row(
    facility_id: str = "F1", dimensions: dict[str, str] | None = None, **values: Any
) -> dict[str, Any]:
    """A row of fct_signals without its run; ``values`` override what it holds."""
    dimensions = dimensions or {}
    text = canonical(dimensions)
    dimensions_hash = _md5(text)
    metric = values.get("metric_id", "losIndex")
    node = values.get("canonical_node_id", FACILITY_NODE)
    graph = values.get("graph_name", GRAPH)
    key = _md5(json.dumps([graph, metric, node, facility_id, dimensions_hash]))
    return {
        "graph_name": graph,
        "entity_key": key,
        "metric_id": metric,
        "canonical_node_id": node,
        "facility_id": facility_id,
        "entity_dimensions_hash": dimensions_hash,
        "entity_dimensions": text,
        "groupby_label": "Facility-wide",
        "group_value": "Facility-wide",
        "facility": f"Hospital {facility_id}",
        "system_name": "North",
        "service_line": dimensions.get("vizientServiceLine", "Facility-wide"),
        "sub_service_line": dimensions.get("vizientSubServiceLine"),
        "domain": "Efficiency",
        "metric_name": "LOS Index",
        "description": "emerging_risk (severity: 50)",
        "metric_value": 1.25,
        "benchmark": 1.0,
        "peer_mean": 1.1,
        "peer_std": 0.2,
        "peer_count": 118,
        "percentile_rank": 88.5,
        "encounters": 4803,
        "simple_zscore": 1.25,
        "slope_percentile": 71.5,
        "monthly_z_scores": "[1.5, null]",
        "monthly_z_score_method": "simple",
        "temporal_node_id": "losIndex__medicareId__dischargeMonth",
        "metric_trend_timeline": json.dumps(TIMELINE),
        "metadata": '{"encounters": 4803, "systemName": "North"}',
        "metadata_per_period": '{"encounters": [{"period": "2024-07", "value": 120}]}',
        "peer_percentile_trends": json.dumps(TRENDS),
        "trend_direction": "increasing",
        "simplified_signal_type": "emerging_risk",
        "simplified_severity": 50,
        "simplified_severity_min": 40,
        "simplified_severity_max": 69,
        "simplified_inputs": '{"aggregate_zscore": 1.25}',
        "magnitude_tier": "elevated",
        "source_file": f"results/nodes/{node}.jsonl",
        "line_number": 2,
        **values,
    }


def signal_id(row: dict[str, Any]) -> str:
    """Id of the signal that a row becomes."""
    key = row["entity_key"]
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"


def edge(source: str, target: str, kind: str = "segments_into") -> dict[str, Any]:
    """A row of fct_node_edges without its run."""
    return {
        "source_node_id": source,
        "target_node_id": target,
        "edge_type": kind,
        "edge_type_normalized": kind,
        "is_hierarchy": kind == "segments_into",
    }


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


async def open_connection(database_url: str) -> asyncpg.Connection:
    """A connection of the driver's own, for arranging and for looking."""
    return await asyncpg.connect(without_driver(database_url))


async def create_marts(connection: asyncpg.Connection) -> None:
    """The marts that hydration reads, empty."""
    await connection.execute("create schema if not exists public_marts")
    for table, columns in (("fct_signals", COLUMNS), ("fct_node_edges", EDGE_COLUMNS)):
        declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        await connection.execute(f"create table if not exists public_marts.{table} ({declared})")


async def clear(connection: asyncpg.Connection) -> None:
    """Empty every table that tests write to: of few rows, sooner done than TRUNCATE makes its files."""
    await create_marts(connection)
    await connection.execute(
        "delete from public.activity_events; delete from public.signals; delete from public.runs;"
        " delete from public.users;"
        " delete from public_marts.fct_signals; delete from public_marts.fct_node_edges"
    )


async def add_run(
    connection: asyncpg.Connection,
    run_id: str,
    rows: Iterable[dict[str, Any]],
    edges: Iterable[dict[str, Any]] = (),
    *,
    graph_name: str = GRAPH,
    state: str = "built",
) -> str:
    """Register a run and write its marts, replacing those of the same run. Returns the run's key."""
    run_key = f"{graph_name}/{run_id}"
    await connection.execute(
        "insert into public.runs (run_key, graph_name, run_id, state) values ($1, $2, $3, $4)"
        " on conflict (run_key) do nothing",
        run_key,
        graph_name,
        run_id,
        state,
    )
    for table in ("fct_signals", "fct_node_edges"):
        await connection.execute(f"delete from public_marts.{table} where run_key = $1", run_key)
    run = {"run_key": run_key, "run_id": run_id}
    await _insert(connection, "fct_signals", COLUMNS, [{**row, **run} for row in rows])
    await _insert(connection, "fct_node_edges", EDGE_COLUMNS, [{**each, **run} for each in edges])
    return run_key


async def _insert(
    connection: asyncpg.Connection, table: str, columns: dict[str, str], rows: list[dict[str, Any]]
) -> None:
    places = ", ".join(f"${position}" for position in range(1, len(columns) + 1))
    await connection.executemany(
        f"insert into public_marts.{table} ({', '.join(columns)}) values ({places})",
        [[row.get(name) for name in columns] for row in rows],
    )
