"""/api/feed: what happened, page by page, and what of it is unread."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import ColumnElement
from starlette.responses import Response

from backend.activity import queries, render
from backend.activity.errors import EventNotFound
from backend.activity.filters import FeedQuery
from backend.auth.actor import Actor, Right
from backend.auth.dependencies import Reader
from backend.auth.errors import Forbidden
from backend.db.models import ActivityEvent as Row
from backend.db.session import begin, snapshot
from backend.dependencies import Engine, ReadEngine
from backend.errors import CursorInvalid
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.activity import Event, EventPage, MarkedRead, UnreadCount

OfSignal = Annotated[UUID | None, Query(description="Events of this signal only.")]

router = APIRouter(prefix="/feed", tags=["feed"])


@router.get("", response_model=EventPage, responses=documented(CursorInvalid))
async def list_feed(query: Annotated[FeedQuery, Query()], engine: ReadEngine, reader: Reader) -> Response:
    """A page of events, newest first. Going from page to page loses and repeats none.

    Each page says where the next one begins: pass its ``cursor`` back, with the same filters.
    """
    conditions = query.conditions()
    page = queries.page(reader.user_id, conditions, query.after(), query.limit)
    async with snapshot(engine) as connection:
        rows = (await connection.execute(page)).mappings().all()
        total_count = (await connection.execute(queries.count(conditions))).scalar_one()
    return JsonResponse(render.page(rows, query.limit, total_count))


@router.get("/unread-count", response_model=UnreadCount, responses=documented())
async def unread_count(engine: ReadEngine, reader: Reader, signal_id: OfSignal = None) -> Response:
    """How many events the caller has not marked as read."""
    unread = [queries.unread(reader.user_id), *_of(signal_id)]
    async with snapshot(engine) as connection:
        count = (await connection.execute(queries.count(unread))).scalar_one()
    return JsonResponse({"count": count})


@router.post("/mark-all-read", response_model=MarkedRead, responses=documented())
async def mark_all_read(engine: Engine, reader: Reader, signal_id: OfSignal = None) -> Response:
    """Mark all events as read, or all of a signal. Who has no account must have the right to work."""
    _require_marking(reader)
    async with begin(engine) as connection:
        result = await connection.execute(queries.mark_read(reader.user_id, _of(signal_id)))
    return JsonResponse({"marked": result.rowcount})


@router.post("/{event_id}/mark-read", response_model=Event, responses=documented(EventNotFound))
async def mark_read(event_id: UUID, engine: Engine, reader: Reader) -> Response:
    """Mark an event as read; doing it again changes nothing.

    Users mark for themselves. Those without an account share one mark, for which they must have
    the right to work.
    """
    _require_marking(reader)
    async with begin(engine) as connection:
        await connection.execute(queries.mark_read(reader.user_id, [Row.id == event_id]))
        one = queries.one(reader.user_id, event_id)
        row = (await connection.execute(one)).mappings().one_or_none()
    if row is None:
        raise EventNotFound(event_id)
    return JsonResponse(render.event(row))


def _of(signal_id: UUID | None) -> list[ColumnElement[bool]]:
    return [] if signal_id is None else [Row.signal_id == signal_id]


def _require_marking(reader: Actor) -> None:
    """A mark of one's own is nobody else's business; the shared one is everybody's."""
    if reader.user_id is None and not reader.may(Right.WORK):
        raise Forbidden(reader.name, reader.role.value, Right.WORK.value)
