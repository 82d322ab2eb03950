"""/api/signals/{signal_id}: its history, and comments on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import select
from starlette.responses import Response

from backend.activity import queries, render
from backend.activity.filters import EventFilters, HistoryQuery
from backend.auth.dependencies import Reader, Worker
from backend.db.models import Signal
from backend.db.session import begin, snapshot
from backend.dependencies import Engine, ReadEngine
from backend.errors import CursorInvalid, SignalNotFound
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.activity import Event, EventPage, NewComment

router = APIRouter(prefix="/signals", tags=["feed"])


@router.get(
    "/{signal_id}/history",
    response_model=EventPage,
    responses=documented(SignalNotFound, CursorInvalid),
)
async def signal_history(
    signal_id: UUID, query: Annotated[HistoryQuery, Query()], engine: ReadEngine, reader: Reader
) -> Response:
    """What happened to a signal, newest first, in pages like those of the feed."""
    conditions = EventFilters(signal_id=signal_id, event_type=query.event_type).conditions()
    page = queries.page(reader.user_id, conditions, query.after(), query.limit)
    async with snapshot(engine) as connection:
        rows = (await connection.execute(page)).mappings().all()
        total_count = (await connection.execute(queries.count(conditions))).scalar_one()
        if not total_count:
            known = select(Signal.id).where(Signal.id == signal_id)
            if (await connection.execute(known)).scalar_one_or_none() is None:
                raise SignalNotFound(signal_id)
    return JsonResponse(render.page(rows, query.limit, total_count))


@router.post(
    "/{signal_id}/comments",
    status_code=201,
    response_model=Event,
    responses=documented(SignalNotFound),
)
async def add_comment(signal_id: UUID, comment: NewComment, engine: Engine, worker: Worker) -> Response:
    """Say something about a signal, also about one that is closed or no longer active."""
    author = worker.name
    if worker.user_id is None and comment.author_name:
        author = comment.author_name
    payload = {"author_name": author, "content": comment.content, "mentions": comment.mentions}
    async with begin(engine) as connection:
        statement = queries.add_comment(signal_id, worker.user_id, payload)
        row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise SignalNotFound(signal_id)
    return JsonResponse(render.event(row), status_code=201)
