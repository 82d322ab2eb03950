"""/api/modeling: what was modelled, how well, and which features count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from sqlalchemy import RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from backend.db.session import is_undefined_table, snapshot
from backend.dependencies import ReadEngine
from backend.modeling import queries
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.modeling import Drivers, Experiments, ModelingSummary
from backend.schemas.signals import SearchText

UNKNOWN = "unknown"

router = APIRouter(prefix="/modeling", tags=["modeling"])

RunId = Annotated[
    SearchText | None,
    Query(description="Run that the models belong to; by default what is published."),
]
Estimator = Annotated[SearchText | None, Query(description="Exactly.", examples=["lightgbm"])]


@router.get("/summary", response_model=ModelingSummary, responses=documented())
async def modeling_summary(engine: ReadEngine, run_id: RunId = None) -> Response:
    """A modeling run, by default that of the run published last, with its experiments."""
    async with snapshot(engine) as connection:
        runs = await _rows(connection, queries.modeling_run(run_id))
        run = runs[0] if runs else None
        rows = await _rows(connection, queries.experiments_of(run["run_key"])) if run else []
    experiments = [_experiment(row) for row in rows]
    ranked = [each for each in experiments if each["r2"] is not None and math.isfinite(each["r2"])]
    return JsonResponse(
        {
            "run": None if run is None else _run(run),
            "experiments": experiments,
            "experiment_count": len(experiments),
            "best_experiment": max(ranked, key=lambda each: float(each["r2"]), default=None),
        }
    )


@router.get("/experiments", response_model=Experiments, responses=documented())
async def modeling_experiments(
    engine: ReadEngine,
    run_id: RunId = None,
    estimator: Estimator = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Experiments, best first: by rank within their estimator, then by r2."""
    async with snapshot(engine) as connection:
        rows = await _rows(connection, queries.experiments(run_id, estimator, limit))
    return JsonResponse({"experiments": [_experiment(row) for row in rows], "count": len(rows)})


@router.get("/drivers", response_model=Drivers, responses=documented())
async def modeling_drivers(
    engine: ReadEngine,
    run_id: RunId = None,
    estimator: Estimator = None,
    top_n: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Response:
    """The strongest features of the best experiment that has a global SHAP summary."""
    async with snapshot(engine) as connection:
        rows = await _rows(connection, queries.drivers(run_id, estimator, top_n))
    return JsonResponse(
        {
            "run_id": (rows[0]["run_id"] if rows else run_id) or UNKNOWN,
            "estimator": (rows[0]["estimator"] if rows else estimator) or UNKNOWN,
            "drivers": [
                {
                    "feature_name": row["feature_name"],
                    "shap_value": row["mean_abs_shap"],
                    "direction": row["direction"],
                    "rank": row["driver_rank"],
                }
                for row in rows
                if row["feature_name"] is not None
            ],
            "top_n": top_n,
        }
    )


async def _rows(connection: AsyncConnection, query: queries.Rows) -> Sequence[RowMapping]:
    """Rows of a query; none where no run was ever loaded."""
    try:
        return (await connection.execute(query)).mappings().all()
    except DBAPIError as error:
        if is_undefined_table(error):
            return []
        raise


def _run(row: RowMapping) -> dict[str, Any]:
    return {
        "run_id": row["run_id"],
        "status": row["status"] or UNKNOWN,
        "config_path": row["config_path"],
        "groups": [str(group) for group in orjson.loads(row["groups"] or "[]")],
        "duration_seconds": row["duration_seconds"],
    }


def _experiment(row: RowMapping) -> dict[str, Any]:
    # Keys of rows are a subclass of str, which JSON serializers refuse.
    return {**{str(key): value for key, value in row.items()}, "estimator": row["estimator"] or UNKNOWN}
