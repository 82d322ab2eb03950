"""/api/signals: lists, details, relations, edits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import RowMapping, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from backend.auth.dependencies import Worker
from backend.db.models import Signal as Row
from backend.db.session import begin, single, snapshot
from backend.dependencies import Engine, ReadEngine, StandingValues
from backend.errors import ContributionsMissing, CursorInvalid, SignalNotFound, TechnicalDetailsMissing
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.contributions import SignalContributions
from backend.schemas.signals import (
    FilterOptions,
    SearchText,
    Signal,
    SignalChildren,
    SignalPage,
    SignalParent,
    SignalTemporal,
    SignalUpdate,
)
from backend.schemas.technical import TechnicalDetails
from backend.signals import contributions, documents, export, queries, render
from backend.signals.documents import Documents, Found, Rows
from backend.signals.export import CsvResponse
from backend.signals.filters import ExportQuery, PlaceFilters, SignalFilters, SignalQuery

EDGE_TYPE = "drills_to"
_FILTERS = set(SignalFilters.model_fields)

router = APIRouter(prefix="/signals", tags=["signals"])


@router.get("", response_model=SignalPage, responses=documented(CursorInvalid))
async def list_signals(
    query: Annotated[SignalQuery, Query()], engine: ReadEngine, values: StandingValues
) -> Response:
    """A page of signals. Pages never overlap: equal sort values are ordered by id.

    Deep pages cost no more than the first when ``cursor`` is the ``next_cursor`` of the page before;
    ``offset`` is ignored then.
    """
    page = partial(queries.page, query)
    async with single(engine) as connection:
        rows = await documents.read(connection, page)
    question = query.model_dump_json(include=_FILTERS)
    total_count = values.get(question, rows[0].versions)
    if total_count is None:
        # The page again: it and the number are to be of one state of the database.
        async with snapshot(engine) as connection:
            rows = await documents.read(connection, page)
            total_count = await connection.scalar(queries.total(query))
        values.put(question, rows[0].versions, total_count)
    signals, next_cursor = queries.cut(query, rows)
    return JsonResponse(
        {
            "total_count": total_count,
            "offset": query.offset,
            "limit": query.limit,
            "next_cursor": next_cursor,
            "signals": [render.signal(row) for row in signals],
        }
    )


@router.get("/filter-options", response_model=FilterOptions, responses=documented())
async def filter_options(
    place: Annotated[PlaceFilters, Query()], engine: ReadEngine, values: StandingValues
) -> Response:
    """Values that filters can take, among the signals of a place."""
    question = f"options {place.model_dump_json()}"
    async with snapshot(engine) as connection:
        versions = await connection.scalar(queries.versions())
        options = values.get(question, versions)
        if options is None:
            rows = (await connection.execute(queries.filter_options(place))).mappings().all()
            options = render.filter_options(rows)
            values.put(question, versions, options)
    return JsonResponse(options)


@router.get(
    "/export",
    response_class=CsvResponse,
    responses={**documented(), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_signals(query: Annotated[ExportQuery, Query()], engine: ReadEngine) -> Response:
    """All signals that match, as CSV in the order asked for; sent while it is read."""
    rows = export.rows(engine, query)
    # The first line is read before the answer starts: what fails until then is told with a status.
    first = await anext(rows)
    return CsvResponse(
        export.continued(first, rows),
        headers={"Content-Disposition": 'attachment; filename="signals.csv"'},
    )


@router.get("/facilities", response_model=list[str], responses=documented())
async def facilities(
    engine: ReadEngine,
    system_name: Annotated[SearchText | None, Query(description="Health system, exactly.")] = None,
) -> Response:
    """Names of the facilities that have signals, in order."""
    async with single(engine) as connection:
        names = (await connection.scalars(queries.facilities(system_name))).all()
    return JsonResponse(sorted(names))


@router.get("/{signal_id}", response_model=Signal, responses=documented(SignalNotFound))
async def get_signal(signal_id: UUID, engine: ReadEngine) -> Response:
    """One signal, also one that is no longer active."""
    async with single(engine) as connection:
        return JsonResponse(render.signal(await _one(connection, queries.one, signal_id)))


@router.patch("/{signal_id}", response_model=Signal, responses=documented(SignalNotFound))
async def update_signal(signal_id: UUID, changes: SignalUpdate, engine: Engine, worker: Worker) -> Response:
    """Change the texts of a signal. Keys that are left out change nothing; unknown keys are ignored."""
    values: dict[str, Any] = {name: getattr(changes, name) for name in changes.model_fields_set}
    if "description" in values:
        values["description_edited"] = True
    if values:
        async with begin(engine) as connection:
            await connection.execute(update(Row).where(Row.id == signal_id).values(values))
    return await get_signal(signal_id, engine)


@router.get("/{signal_id}/temporal", response_model=SignalTemporal, responses=documented(SignalNotFound))
async def temporal(signal_id: UUID, engine: ReadEngine) -> Response:
    """How a signal developed over the periods."""
    async with single(engine) as connection:
        row = await _one(connection, queries.technical, signal_id)
    return JsonResponse(render.temporal(row))


@router.get(
    "/{signal_id}/technical-details",
    response_model=TechnicalDetails,
    responses=documented(SignalNotFound, TechnicalDetailsMissing),
)
async def technical_details(signal_id: UUID, engine: ReadEngine) -> Response:
    """The statistics behind a signal: those of this very entity, metric and run."""
    async with single(engine) as connection:
        row = await _one(connection, queries.technical, signal_id)
    details = render.technical_details(row)
    if details is None:
        raise TechnicalDetailsMissing(signal_id)
    return JsonResponse(details)


@router.get(
    "/{signal_id}/contributions",
    response_model=SignalContributions,
    responses=documented(SignalNotFound, ContributionsMissing),
)
async def signal_contributions(
    signal_id: UUID, engine: ReadEngine, top_n: Annotated[int, Query(ge=1, le=50)] = 10
) -> Response:
    """What the parts of a signal contribute to it (at most ``top_n``), and what it contributes itself."""
    async with snapshot(engine) as connection:
        signal = await _place(connection, signal_id)
        if signal["facility_id"] is None:
            raise ContributionsMissing(signal_id)
        rows = await contributions.of_signal(connection, signal_id, top_n)
    return JsonResponse(contributions.render(rows, signal["entity_dimensions"]))


@router.get("/{signal_id}/related", response_model=list[Signal], responses=documented(SignalNotFound))
async def related(signal_id: UUID, engine: ReadEngine) -> Response:
    """At most ten signals of the same facility, service line and dimensions on other metrics."""
    async with snapshot(engine) as connection:
        rows = await documents.read(connection, partial(queries.related, signal_id))
        if not rows:
            await _place(connection, signal_id)
    return JsonResponse([render.signal(row) for row in rows])


@router.get("/{signal_id}/children", response_model=SignalChildren, responses=documented(SignalNotFound))
async def children(
    signal_id: UUID, engine: ReadEngine, limit: Annotated[int, Query(ge=1, le=100)] = 50
) -> Response:
    """Signals of the same facility and metric that divide this one further, one step down the graph."""
    async with snapshot(engine) as connection:
        origin = await _place(connection, signal_id)
        rows = (
            (await connection.execute(queries.children(signal_id, origin["facility_id"], limit)))
            .mappings()
            .all()
        )
    return JsonResponse(
        {
            "signal_id": str(signal_id),
            "canonical_node_id": origin["canonical_node_id"],
            "edge_type": EDGE_TYPE,
            "graph_edge_type": render.hierarchy_edge(origin) if rows else None,
            "children": [render.summary(row) for row in rows],
            "total_count": rows[0]["total_count"] if rows else 0,
            "has_children": bool(rows),
        }
    )


@router.get("/{signal_id}/parent", response_model=SignalParent, responses=documented(SignalNotFound))
async def parent(signal_id: UUID, engine: ReadEngine) -> Response:
    """The signal of the same facility and metric that this one is a part of, one step up the graph."""
    async with snapshot(engine) as connection:
        origin = await _place(connection, signal_id)
        row = (
            (await connection.execute(queries.nearest_parent(signal_id, origin["facility_id"])))
            .mappings()
            .one_or_none()
        )
    return JsonResponse(
        {
            "signal_id": str(signal_id),
            "canonical_node_id": origin["canonical_node_id"],
            "edge_type": EDGE_TYPE,
            "graph_edge_type": None if row is None else render.hierarchy_edge(row),
            "parent": None if row is None else render.summary(row),
            "has_parent": row is not None,
        }
    )


async def _one(
    connection: AsyncConnection, query: Callable[[UUID, Documents], Rows], signal_id: UUID
) -> Found:
    rows = await documents.read(connection, partial(query, signal_id))
    if not rows:
        raise SignalNotFound(signal_id)
    return rows[0]


async def _place(connection: AsyncConnection, signal_id: UUID) -> RowMapping:
    row = (await connection.execute(queries.place(signal_id))).mappings().one_or_none()
    if row is None:
        raise SignalNotFound(signal_id)
    return row
