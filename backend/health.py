"""GET /health: the process answers. GET /ready: it can also serve."""

from __future__ import annotations

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from backend.db.schema_status import status_on
from backend.db.session import connect, snapshot
from backend.dependencies import AppSettings, Engine, ReadEngine
from backend.errors import DatabaseUnavailable, SchemaMismatch
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.health import Health, Readiness
from backend.services.runs import published_runs

# True also on a standby, before it is promoted.
_READ_ONLY = text("select current_setting('transaction_read_only')::boolean")


async def health(settings: AppSettings) -> Response:
    """Whether the process answers; the database is not asked."""
    return JsonResponse({"status": "healthy", "version": settings.APP_VERSION})


async def ready(engine: Engine, read_engine: ReadEngine) -> Response:
    """Whether the database (or its replica) answers with the schema needed; which runs are served.

    `writable` is false while the database takes no writes, or only its replica answers: reads are served,
    writes are answered 503.
    """
    writable = await _takes_writes(engine)
    async with snapshot(read_engine) as connection:
        schema = await status_on(connection)
        schema.require()
        runs = await published_runs(connection)
    return JsonResponse(
        {
            "status": "ready",
            "schema_revision": schema.head,
            "writable": writable,
            "published_runs": [
                {"graph_name": run.graph_name, "run_id": run.run_id, "published_at": run.published_at}
                for run in runs
            ],
        }
    )


async def _takes_writes(engine: AsyncEngine) -> bool:
    try:
        async with connect(engine) as connection:
            return not await connection.scalar(_READ_ONLY)
    except DatabaseUnavailable:
        return False


def install(app: FastAPI) -> None:
    """Add both operations at the root of ``app``."""
    app.add_api_route("/health", health, response_model=Health, tags=["health"])
    app.add_api_route(
        "/ready",
        ready,
        response_model=Readiness,
        responses=documented(SchemaMismatch, invalid=False, protected=False),
        tags=["health"],
    )
