"""/api/feed/stream: events as they happen, as Server-Sent Events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.requests import Request

from backend.activity.errors import TooManyStreams
from backend.activity.filters import EventFilters
from backend.activity.live import LiveFeed, Stream
from backend.auth.dependencies import Reader
from backend.problems import documented

MAX_SECONDS = 900
_RECONNECT_MILLISECONDS = 2000
_LAST_POSITION = 2**63 - 1

router = APIRouter(prefix="/feed", tags=["feed"])


async def _stream(
    request: Request,
    reader: Reader,
    filters: Annotated[EventFilters, Query()],
    last_event_id: Annotated[
        int | None,
        Header(
            ge=0,
            le=_LAST_POSITION,
            description="Id of the last event that the client has; browsers send it by themselves.",
        ),
    ] = None,
    after: Annotated[
        int | None,
        Query(
            alias="last_event_id",
            ge=0,
            le=_LAST_POSITION,
            description="The same, for clients that cannot set headers; the header counts more.",
        ),
    ] = None,
) -> AsyncIterator[Stream]:
    """A stream, for as long as the response takes."""
    feed = cast(LiveFeed, request.app.state.live_feed)
    last = last_event_id if last_event_id is not None else after
    async with feed.stream(reader.user_id, filters, last) as stream:
        yield stream


@router.get(
    "/stream",
    response_class=EventSourceResponse,
    responses={
        **documented(TooManyStreams),
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
)
async def stream_feed(
    stream: Annotated[Stream, Depends(_stream)],
    seconds: Annotated[
        int, Query(ge=1, le=MAX_SECONDS, description="How long the stream may be at most.")
    ] = MAX_SECONDS,
) -> AsyncIterator[ServerSentEvent]:
    """Events as they happen (`text/event-stream`); `data` is an event as in the feed, `id` its position.

    The stream begins with the next event, or after the one that Last-Event-ID names: whoever comes
    back with it, as browsers do, has missed nothing and gets nothing twice. After 15 minutes, and
    when the service stops, the stream ends and the client is to come back after `retry`
    milliseconds. A comment every 15 seconds keeps idle connections alive.
    """
    # An id without data tells the client where it is, before anything has happened.
    yield ServerSentEvent(
        id=str(stream.position), retry=_RECONNECT_MILLISECONDS, comment="stream of the feed"
    )
    async for event in stream.events(seconds):
        yield ServerSentEvent(id=str(event.position), raw_data=event.json)
