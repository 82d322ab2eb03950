"""/api/narratives: which facilities have one, and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from sqlalchemy import ColumnClause, Select, Text, column, or_, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from backend.config import Settings
from backend.db.models import Run
from backend.db.session import is_undefined_table, snapshot
from backend.dependencies import AppSettings, ReadEngine
from backend.enums import RunState
from backend.narratives.errors import NarrativeBroken, NarrativeNotFound
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.narratives import Narrative, NarrativeList, NarrativeSummary
from backend.schemas.signals import SearchText
from backend.services.runs import is_configured

router = APIRouter(prefix="/narratives", tags=["narratives"])

FacilityId = Annotated[str, Path(min_length=1, max_length=50, description="Medicare id.")]
GraphName = Annotated[SearchText | None, Query(description="Narratives of this graph's run only.")]

_ID = re.compile(r"[A-Za-z0-9_-]+")
_NARRATIVES = table(
    "raw_narratives",
    *(column(name, Text) for name in ("run_key", "facility_id", "content", "parsed")),
    schema="public",
)
_MARKDOWN = "text/markdown"


@router.get("", response_model=NarrativeList, responses=documented())
async def list_narratives(
    engine: ReadEngine, settings: AppSettings, graph_name: GraphName = None
) -> Response:
    """Facilities with a narrative: those of INSIGHT_GRAPH_RUN if it is loaded, else of published runs."""
    rows = await _rows(engine, _of_runs(settings, graph_name, _NARRATIVES.c.facility_id))
    facilities = sorted({row.facility_id for row in rows if _ID.fullmatch(row.facility_id)})
    return JsonResponse({"facilities": facilities, "count": len(facilities)})


@router.get(
    "/{facility_id}", response_model=Narrative, responses=documented(NarrativeNotFound, NarrativeBroken)
)
async def get_narrative(
    facility_id: FacilityId, engine: ReadEngine, settings: AppSettings, graph_name: GraphName = None
) -> Response:
    """What contributes to a facility's value, part by part."""
    return Response(await _parsed(facility_id, engine, settings, graph_name), media_type="application/json")


@router.get(
    "/{facility_id}/summary",
    response_model=NarrativeSummary,
    responses=documented(NarrativeNotFound, NarrativeBroken),
)
async def get_narrative_summary(
    facility_id: FacilityId, engine: ReadEngine, settings: AppSettings, graph_name: GraphName = None
) -> Response:
    """A narrative in few words."""
    narrative = orjson.loads(await _parsed(facility_id, engine, settings, graph_name))
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


@router.get(
    "/{facility_id}/document",
    response_class=Response,
    responses={
        **documented(NarrativeNotFound),
        200: {
            "description": "The Markdown document.",
            "content": {_MARKDOWN: {"schema": {"type": "string"}}},
        },
    },
)
async def get_narrative_document(
    facility_id: FacilityId, engine: ReadEngine, settings: AppSettings, graph_name: GraphName = None
) -> Response:
    """A narrative as the engine wrote it, in Markdown."""
    content = await _stored(facility_id, engine, settings, graph_name, _NARRATIVES.c.content)
    return Response(content, media_type=_MARKDOWN)


async def _parsed(facility_id: str, engine: AsyncEngine, settings: Settings, graph_name: str | None) -> str:
    """The parts of a narrative, as JSON."""
    parsed = await _stored(facility_id, engine, settings, graph_name, _NARRATIVES.c.parsed)
    if parsed is None:
        raise NarrativeBroken(facility_id)
    return parsed


async def _stored(
    facility_id: str,
    engine: AsyncEngine,
    settings: Settings,
    graph_name: str | None,
    shown: ColumnClause[Any],
) -> str | None:
    """A column of the facility's narrative, which there must be."""
    if not _ID.fullmatch(facility_id):
        raise NarrativeNotFound(facility_id)
    query = _of_runs(settings, graph_name, shown).where(_NARRATIVES.c.facility_id == facility_id).limit(1)
    rows = await _rows(engine, query)
    if not rows:
        raise NarrativeNotFound(facility_id)
    found: str | None = rows[0][0]
    return found


def _of_runs(
    settings: Settings, graph_name: str | None, shown: ColumnClause[Any]
) -> Select[*tuple[Any, ...]]:
    """Narratives of the configured run if it is held, else of published ones, the newest first."""
    held = is_configured(settings.INSIGHT_GRAPH_RUN)
    configured = select(Run.run_key).where(held).exists()
    query = (
        select(shown)
        .join(Run, Run.run_key == _NARRATIVES.c.run_key)
        .where(or_(held, (Run.state == RunState.PUBLISHED) & ~configured))
        .order_by(Run.published_at.desc().nulls_last(), Run.run_key)
    )
    return query if graph_name is None else query.where(Run.graph_name == graph_name)


async def _rows(engine: AsyncEngine, query: Select[*tuple[Any, ...]]) -> Sequence[Any]:
    """Rows of a query; none where no run was ever loaded."""
    try:
        async with snapshot(engine) as connection:
            return (await connection.execute(query)).all()
    except DBAPIError as error:
        if is_undefined_table(error):
            return []
        raise
