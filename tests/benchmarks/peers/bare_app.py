"""The list of signals with nothing in between: an ASGI function, asyncpg, and JSON made by PostgreSQL.

No validation, no errors, no ETags; days open and the cursor of the next page are left out.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import asyncpg
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.config import get_settings, without_driver
from backend.db.models import Signal as Row
from backend.schemas.signals import Signal
from tests.benchmarks.peers.usual_signals import TABLE

_TEXTS = ("metric_trend_timeline", "metadata", "metadata_per_period", "peer_percentile_trends")
_COLUMNS = ", ".join(
    f"cast(s.{column.name} as json) as {column.name}" if column.name in _TEXTS else f"s.{column.name}"
    for column in Row.__table__.c
    if column.name in Signal.model_fields
)
_SORTED_BY = {"detected_at": "s.detected_at", "priority": "s.simplified_severity"}


def _statement(order: str, direction: str, where: str) -> str:
    """The page: rows are chosen by id, and read in full once they are known."""
    ordered = f"{order} {direction}{'' if order == 's.detected_at' else ' nulls last'}, s.id"
    return f"""
    select cast(json_build_object(
        'total_count', (select count(*) from {TABLE} as s where {where}),
        'offset', $2::bigint, 'limit', $3::bigint,
        'signals', (
            select json_agg(row) from (
                select {_COLUMNS}, coalesce(a.status, 'new') as workflow_status
                from (
                    select s.id from {TABLE} as s where {where}
                    order by {ordered} limit $3 offset $2
                ) as page
                inner join {TABLE} as s on s.id = page.id
                left join assignments as a on a.signal_id = s.id
                order by {ordered}
            ) as row
        )
    ) as text)
    """


async def _page(pool: asyncpg.Pool, query: dict[str, list[str]]) -> bytes:
    def given(name: str, default: str) -> str:
        return query.get(name, [default])[0]

    domain = given("domain", "")
    where = "s.active and s.domain = $1" if domain else "s.active and $1::text is null"
    statement = _statement(
        _SORTED_BY[given("sort_by", "detected_at")],
        "asc" if given("sort_order", "desc") == "asc" else "desc",
        where,
    )
    body: str = await pool.fetchval(
        statement, domain or None, int(given("offset", "0")), int(given("limit", "25"))
    )
    return body.encode()


def create_app() -> ASGIApp:
    """The application, on the database of DATABASE_URL."""
    state: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            settings = get_settings()
            await receive()
            size = settings.DATABASE_POOL_SIZE
            state["pool"] = await asyncpg.create_pool(
                without_driver(settings.DATABASE_URL), min_size=size, max_size=size
            )
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await state["pool"].close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        healthy = scope["path"] == "/health"
        body = b"{}" if healthy else await _page(state["pool"], parse_qs(scope["query_string"].decode()))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
