"""The application: ``uvicorn backend.main:create_app --factory``."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import structlog
from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Receive, Scope, Send

from backend import health, telemetry, tracing
from backend.activity import router as feed_router
from backend.activity import signal_router, stream_router
from backend.activity.live import live_feed
from backend.auth.actor import Right
from backend.auth.authenticator import API_KEY_HEADER, SECURITY, SECURITY_SCHEMES
from backend.auth.dependencies import Require
from backend.auth.middleware import Authentication
from backend.caching.express import Express, may_stand_first
from backend.caching.memory import ResponseMemory
from backend.caching.middleware import Caching
from backend.caching.policy import document_validators, is_stream
from backend.caching.replica import Reads
from backend.caching.standing import StandingValues
from backend.caching.versions import DataVersions
from backend.caching.writes import writes_of
from backend.compression import Compression
from backend.config import Settings, get_settings
from backend.db.listener import Listener
from backend.db.schema_status import status_on
from backend.db.session import connect, create_engine, create_serving_engine
from backend.errors import DatabaseUnavailable, DomainError
from backend.logs import configure_logging
from backend.metadata import documents
from backend.metadata import router as metadata_router
from backend.metrics import router as metrics_router
from backend.middleware import REQUEST_ID_HEADER, Hardening, RequestContext, without_body
from backend.modeling import router as modeling_router
from backend.narratives import router as narratives_router
from backend.ontology import router as ontology_router
from backend.problems import install_handlers, problem_schemas
from backend.runs import router as runs_router
from backend.services.signal_hydrator import hydrate_if_empty
from backend.signals import router as signals_router
from backend.telemetry import CountRequests
from backend.users import router as users_router
from backend.workflow import router as workflow_router

DESCRIPTION = (
    "Quality signals of hospitals: which facility differs from its peers, in what, since when, and why."
)

_RETRY_SECONDS = 1.0

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Application(FastAPI):
    """The service; ``express``, where there is one, stands ahead of all that FastAPI does itself."""

    express: Express | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["method"] == "HEAD" and not is_stream(scope["path"]):
            scope, send = {**scope, "method": "GET"}, without_body(send)
        await (self.express or super().__call__)(scope, receive, send)


def create_app(settings: Settings | None = None) -> Application:
    """The application on ``settings``, by default those of the environment. Nothing is connected yet."""
    settings = settings or get_settings()
    configure_logging(settings)
    app = Application(
        title=settings.APP_TITLE,
        version=settings.APP_VERSION,
        description=DESCRIPTION,
        lifespan=_lifespan,
        # backend.tracing tells of requests where that is wanted; this would be asked about each.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # Clients are generated from the document: the name of an operation is that of its function.
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.settings = settings
    app.state.response_memory = ResponseMemory(settings.RESPONSE_CACHE_BYTES)
    app.state.standing_values = StandingValues()
    health.install(app)
    counting = telemetry.install(app)
    api = APIRouter(prefix="/api", dependencies=[Depends(Require(Right.READ))])
    api.include_router(signals_router.router)
    api.include_router(metadata_router.router)
    api.include_router(metrics_router.router)
    api.include_router(modeling_router.router)
    api.include_router(narratives_router.router)
    api.include_router(runs_router.router)
    api.include_router(ontology_router.router)
    api.include_router(workflow_router.router)
    api.include_router(feed_router.router)
    api.include_router(stream_router.router)
    api.include_router(signal_router.router)
    api.include_router(users_router.router)
    app.include_router(api)
    install_handlers(app)
    # The last one added is the outermost: browsers may read error responses too.
    app.add_middleware(Compression, minimum_size=1_000, compresslevel=5)
    # Settings, the version among them, are part of what answers depend on.
    app.add_middleware(Caching, memory=app.state.response_memory, edition=settings.model_dump_json())
    app.add_middleware(Authentication, settings=settings)
    app.add_middleware(CountRequests, telemetry=counting)
    app.add_middleware(Hardening, max_body_bytes=settings.MAX_BODY_BYTES)
    app.add_middleware(RequestContext)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_credentials=True,
        allow_methods=["GET", "POST", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=[
            "content-type",
            "authorization",
            "accept",
            API_KEY_HEADER,
            "if-match",
            "if-none-match",
            "last-event-id",
        ],
        expose_headers=[REQUEST_ID_HEADER, "ETag", "Retry-After"],
    )
    if may_stand_first(settings):
        app.express = Express(super(Application, app).__call__, app.state, counting)
    if settings.OTEL_ENABLED:
        tracing.install(app)
    _document_problems(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    engine = create_serving_engine(settings.DATABASE_URL, settings)
    replica = None
    if settings.READ_DATABASE_URL is not None:
        replica = create_serving_engine(settings.READ_DATABASE_URL, settings)
    listener = Listener(settings.DATABASE_URL)
    versions = DataVersions(engine, listener, writes_of(settings.WRITES_FILE), replica)
    app.state.engine, app.state.listener, app.state.data_versions = engine, listener, versions
    app.state.reads = Reads(engine, replica, versions)
    listener.subscribe(documents.changed)
    try:
        async with _prepared(engine, settings):
            await listener.start()
            async with live_feed(engine, listener) as app.state.live_feed:
                with _settled():
                    yield
    finally:
        app.state.telemetry.settle()
        await listener.stop()
        await engine.dispose()
        if replica is not None:
            await replica.dispose()


@contextmanager
def _settled() -> Iterator[None]:
    """Leave what stands when the application has started out of every search for garbage while it serves.

    That is some hundred thousand objects, most of what there is; to go through them stops all requests.
    Starting leaves no garbage among them that would have to be looked for first.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@asynccontextmanager
async def _prepared(engine: AsyncEngine, settings: Settings) -> AsyncIterator[None]:
    """A database that is ready, or one that will be as soon as it answers, where settings allow it."""
    try:
        await _prepare(engine, settings.DATABASE_URL)
    except DomainError as error:
        if not (settings.START_WITHOUT_DATABASE and isinstance(error, DatabaseUnavailable)):
            _refuse(error)
            raise
        logger.warning("starting without the database", reason=error.message)
    else:
        yield
        return
    task = asyncio.create_task(_prepare_later(engine, settings.DATABASE_URL))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _prepare(engine: AsyncEngine, database_url: str) -> None:
    """Require a database that this version can work with, and hydrate one without signals."""
    async with connect(engine) as connection:
        (await status_on(connection)).require()
    await _fill(database_url)


async def _prepare_later(engine: AsyncEngine, database_url: str) -> None:
    """Prepare the database once it answers; one of another version ends the process."""
    while True:
        await asyncio.sleep(_RETRY_SECONDS)
        try:
            await _prepare(engine, database_url)
        except DatabaseUnavailable:
            continue
        except DomainError as error:
            _refuse(error)
            signal.raise_signal(signal.SIGTERM)
        else:
            logger.info("the database answers")
        return


def _refuse(error: DomainError) -> None:
    logger.critical("cannot start", reason=error.message, hint=error.hint)


async def _fill(database_url: str) -> None:
    """Hydrate an empty table. Without it the service still answers, and says in the log what failed."""
    # Limits meant for requests must not end it.
    engine = create_engine(database_url)
    try:
        result = await hydrate_if_empty(engine)
    except DomainError as error:
        logger.error("signals not hydrated, the list stays empty", reason=error.message, hint=error.hint)
    except DBAPIError as error:
        logger.error("signals not hydrated, the list stays empty", exc_info=error)
    else:
        if result is not None:
            logger.info("signals hydrated", **result.as_dict())
    finally:
        await engine.dispose()


def _document_problems(app: FastAPI) -> None:
    """Add the schemas of error responses to the OpenAPI document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            document["components"]["schemas"] |= problem_schemas()
            document["components"]["securitySchemes"] = SECURITY_SCHEMES
            for path, operations in document["paths"].items():
                if path.startswith("/api"):
                    for operation in operations.values():
                        operation["security"] = SECURITY
            document_validators(document["paths"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
