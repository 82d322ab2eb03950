"""/api/narratives: which facilities have one, and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlalchemy import Select, Text, column, or_, select, table, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from backend.config import Settings
from backend.db.models import Run
from backend.db.session import is_undefined_table, snapshot
from backend.dependencies import AppSettings, ReadEngine
from backend.enums import RunState
from backend.narratives.errors import NarrativeBroken, NarrativeNotFound
from backend.narratives.parser import NarrativeUnreadable, parse
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.narratives import Narrative, NarrativeList, NarrativeSummary

router = APIRouter(prefix="/narratives", tags=["narratives"])

FacilityId = Annotated[str, Path(min_length=1, max_length=50, description="Medicare id.")]

_ID = re.compile(r"[A-Za-z0-9_-]+")
_NARRATIVES = table(
    "raw_narratives",
    column("run_key", Text),
    column("facility_id", Text),
    column("content", Text),
    schema="public",
)
_HELD = (RunState.LOADED, RunState.BUILDING, RunState.BUILT, RunState.PUBLISHED, RunState.SUPERSEDED)


@router.get("", response_model=NarrativeList, responses=documented(invalid=False))
async def list_narratives(engine: ReadEngine, settings: AppSettings) -> Response:
    """Facilities with a narrative: those of INSIGHT_GRAPH_RUN if it is loaded, else of published runs."""
    rows = await _rows(engine, _of_runs(settings, _NARRATIVES.c.facility_id))
    facilities = sorted({row.facility_id for row in rows})
    return JsonResponse({"facilities": facilities, "count": len(facilities)})


@router.get(
    "/{facility_id}", response_model=Narrative, responses=documented(NarrativeNotFound, NarrativeBroken)
)
async def get_narrative(facility_id: FacilityId, engine: ReadEngine, settings: AppSettings) -> Response:
    """What contributes to a facility's value, part by part."""
    return JsonResponse(await _narrative(facility_id, engine, settings))


@router.get(
    "/{facility_id}/summary",
    response_model=NarrativeSummary,
    responses=documented(NarrativeNotFound, NarrativeBroken),
)
async def get_narrative_summary(
    facility_id: FacilityId, engine: ReadEngine, settings: AppSettings
) -> Response:
    """A narrative in few words."""
    narrative = await _narrative(facility_id, engine, settings)
    summary = narrative["executive_summary"]
    return JsonResponse(
        {
            "facility_id": narrative["facility_id"],
            "metric_value": narrative["metric_value"],
            "pareto_insight": summary["pareto_insight"],
            "top_contributors_higher": summary["top_contributors_higher"],
            "top_contributors_lower": summary["top_contributors_lower"],
        }
    )


async def _narrative(facility_id: str, engine: AsyncEngine, settings: Settings) -> dict[str, Any]:
    if not _ID.fullmatch(facility_id):
        raise NarrativeNotFound(facility_id)
    query = _of_runs(settings, _NARRATIVES.c.content, Run.loaded_at)
    rows = await _rows(engine, query.where(_NARRATIVES.c.facility_id == facility_id).limit(1))
    if not rows:
        raise NarrativeNotFound(facility_id)
    try:
        narrative = parse(rows[0].content)
    except NarrativeUnreadable as error:
        raise NarrativeBroken(facility_id) from error
    if narrative["generated_at"] is None:
        narrative["generated_at"] = rows[0].loaded_at
    # The id that was asked for, not the one that a copied text may hold.
    return {**narrative, "facility_id": facility_id}


def _of_runs(settings: Settings, *columns: Any) -> Select[*tuple[Any, ...]]:
    """Narratives of the configured run first, then of published ones, the newest first."""
    # The setting is a path below RUNS_ROOT: folders above <graph>/<run_id> do not name the run.
    graph, _, run_id = settings.INSIGHT_GRAPH_RUN.rstrip("/").rpartition("/")
    named = tuple_(Run.graph_name, Run.run_id) == tuple_(graph.rpartition("/")[2], run_id)
    held = named & Run.state.in_(_HELD)
    configured = select(Run.run_key).where(held).exists()
    return (
        select(*columns)
        .join(Run, Run.run_key == _NARRATIVES.c.run_key)
        .where(or_(held, (Run.state == RunState.PUBLISHED) & ~configured))
        .order_by(Run.published_at.desc().nulls_last(), Run.run_key)
    )


async def _rows(engine: AsyncEngine, query: Select[*tuple[Any, ...]]) -> Sequence[Any]:
    """Rows of a query; none where no run was ever loaded."""
    try:
        async with snapshot(engine) as connection:
            return (await connection.execute(query)).all()
    except DBAPIError as error:
        if is_undefined_table(error):
            return []
        raise
