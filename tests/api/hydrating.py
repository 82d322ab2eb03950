"""Publish, hydrate, and look at what came of it."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.services import signal_hydrator
from backend.services.signal_documents import OF_SIGNAL, SHOWN
from backend.services.signal_hydrator import HydrationResult


async def publish_run(engine: AsyncEngine, run_key: str) -> HydrationResult:
    """Publish in a transaction of its own."""
    async with engine.begin() as connection:
        return await signal_hydrator.publish(connection, run_key)


async def hydrate_run(engine: AsyncEngine, run_key: str, **options: Any) -> HydrationResult:
    """Hydrate in a transaction of its own."""
    async with engine.begin() as connection:
        return await signal_hydrator.hydrate(connection, run_key, **options)


async def signals_by_id(connection: asyncpg.Connection) -> dict[str, asyncpg.Record]:
    """Every signal, active or not."""
    return {str(row["id"]): row for row in await connection.fetch("select * from public.signals")}


async def documents_by_id(connection: asyncpg.Connection) -> dict[str, asyncpg.Record]:
    """Documents of every signal, active or not, as they are shown."""
    shown = ", ".join(f"{expression} as {name}" for name, expression in SHOWN.items())
    rows = await connection.fetch(
        f"select s.id, {shown} from public.signals as s"
        f" left join public_marts.fct_signals as m on {OF_SIGNAL}"
    )
    return {str(row["id"]): row for row in rows}


async def events(connection: asyncpg.Connection, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Signal and payload of every event of a kind, oldest first."""
    rows = await connection.fetch(
        "select signal_id, payload from public.activity_events where event_type = $1 order by created_at",
        kind,
    )
    return [(str(row["signal_id"]), json.loads(row["payload"])) for row in rows]


async def states_of(connection: asyncpg.Connection) -> dict[str, str]:
    """State of every run in the registry."""
    return {row["run_key"]: row["state"] for row in await connection.fetch("select * from public.runs")}
