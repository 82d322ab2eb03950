"""Build results in the shape of dbt's run_results.json, so that tools that read it read ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from transforms.compiled.manifest import Manifest
from transforms.engines.base import BuildResult, NodeResult, Status

SCHEMA_VERSION = "https://schemas.getdbt.com/dbt/run-results/v6.json"
_DBT_STATUSES = {"runtime error": Status.ERROR, "partial success": Status.ERROR, "no-op": Status.SUCCESS}


def run_results(result: BuildResult) -> dict[str, Any]:
    """``result`` as dbt's run_results.json (schema version 6)."""
    return {
        "metadata": {
            "dbt_schema_version": SCHEMA_VERSION,
            "dbt_version": result.dbt_version,
            "generated_at": _timestamp(result.generated_at),
            "env": {},
        },
        "results": [_node(each) for each in result.results],
        "elapsed_time": result.elapsed,
        "args": {"which": "build", "engine": result.engine},
    }


def write_run_results(result: BuildResult, path: Path) -> None:
    """Write ``result`` to ``path`` as dbt's run_results.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run_results(result)), encoding="utf-8")


def read_run_results(document: Mapping[str, Any], manifest: Manifest) -> tuple[NodeResult, ...]:
    """Results of the manifest's nodes in a run_results.json that dbt wrote."""
    return tuple(_read(raw, manifest) for raw in document["results"] if raw["unique_id"] in manifest.nodes)


def _read(raw: Mapping[str, Any], manifest: Manifest) -> NodeResult:
    rows = raw["adapter_response"].get("rows_affected")
    node = manifest.nodes[raw["unique_id"]]
    started = [step["started_at"] for step in raw["timing"]]
    result = NodeResult(
        node=node,
        status=_DBT_STATUSES.get(raw["status"]) or Status(raw["status"]),
        message=raw["message"],
        # dbt counts a view as -1 rows and a test as the one row of its count.
        rows=rows if node.resource_type != "test" and rows is not None and rows >= 0 else None,
        failures=raw["failures"],
        execution_time=raw["execution_time"],
        worker=raw["thread_id"],
        **({"started_at": datetime.fromisoformat(started[0])} if started else {}),
    )
    return result


def _node(result: NodeResult) -> dict[str, Any]:
    node = result.node
    has_sql = node.sql is not None
    response: dict[str, Any] = {}
    if result.message is not None and not result.status.blocks:
        response["_message"] = result.message
    if result.rows is not None:
        response["rows_affected"] = result.rows
    ran = result.status is not Status.SKIPPED
    return {
        "status": str(result.status),
        "timing": [
            {
                "name": "execute",
                "started_at": _timestamp(result.started_at),
                "completed_at": _timestamp(result.completed_at),
            }
        ]
        if ran
        else [],
        "thread_id": result.worker,
        "execution_time": result.execution_time,
        "adapter_response": response,
        "message": result.message,
        "failures": result.failures,
        "unique_id": node.unique_id,
        "compiled": True if has_sql else None,
        "compiled_code": node.sql,
        "relation_name": f'"{node.schema}"."{node.alias}"' if node.resource_type == "model" else None,
        "batch_results": None,
    }


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
