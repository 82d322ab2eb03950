"""The list of signals as most would write it: FastAPI, the SQLAlchemy ORM, and Pydantic."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from pydantic import field_validator
from sqlalchemy import MetaData, Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry

from backend.config import get_settings
from backend.db.models import Assignment
from backend.db.models import Signal as Ours
from backend.enums import AssignmentStatus
from backend.schemas.signals import Signal, SignalPage
from tests.benchmarks.peers.usual_signals import TABLE

assert isinstance(Ours.__table__, Table)
_TABLE = Ours.__table__.to_metadata(MetaData(), name=TABLE)
_SORTED_BY = {"detected_at": _TABLE.c.detected_at, "priority": _TABLE.c.simplified_severity}
# `metadata` is a name that the ORM keeps to itself.
_COLUMNS = {column.name: f"of_{column.name}" for column in _TABLE.c}


class Row:
    """A row of signals, everything in it."""


registry().map_imperatively(Row, _TABLE, column_prefix="of_")


class SignalOut(Signal):
    """A signal of the API, made of a row."""

    @field_validator(
        "metric_trend_timeline", "metadata", "metadata_per_period", "peer_percentile_trends", mode="before"
    )
    @classmethod
    def _parsed(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value


class Page(SignalPage):
    """A page of signals."""

    signals: list[SignalOut]  # type: ignore[assignment]


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


def _signal(row: Row, status: str | None) -> SignalOut:
    values = {column: getattr(row, key) for column, key in _COLUMNS.items() if column in Signal.model_fields}
    return SignalOut(
        **values | {"id": str(values["id"])},
        days_open=(datetime.now(UTC) - values["detected_at"]).days,
        workflow_status=AssignmentStatus(status or AssignmentStatus.NEW),
    )


async def list_signals(
    session: Annotated[AsyncSession, Depends(_session)],
    domain: str | None = None,
    sort_by: str = "detected_at",
    sort_order: str = "desc",
    limit: int = 25,
    offset: int = 0,
) -> Page:
    """A page of signals, and how many there are."""
    query: Select[Row, str] = (
        select(Row, Assignment.status)
        .outerjoin(Assignment, Assignment.signal_id == _TABLE.c.id)
        .where(_TABLE.c.active)
    )
    if domain:
        query = query.where(_TABLE.c.domain == domain)
    total = await session.scalar(select(func.count()).select_from(query.subquery()))
    column = _SORTED_BY[sort_by]
    ordered = column.desc().nulls_last() if sort_order == "desc" else column.asc().nulls_last()
    rows = (await session.execute(query.order_by(ordered, _TABLE.c.id).limit(limit).offset(offset))).all()
    return Page(
        total_count=total or 0,
        offset=offset,
        limit=limit,
        next_cursor=None,
        signals=[_signal(row, status) for row, status in rows],
    )


def create_app() -> FastAPI:
    """The application, on the database of DATABASE_URL."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = get_settings()
        engine = create_async_engine(settings.DATABASE_URL, pool_size=settings.DATABASE_POOL_SIZE)
        app.state.sessions = async_sessionmaker(engine)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.get("/api/signals", response_model=Page)(list_signals)
    app.get("/health")(lambda: {"status": "ok"})
    return app
