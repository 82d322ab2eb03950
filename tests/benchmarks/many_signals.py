"""A database with as many signals as asked for: those of a real build, of more facilities."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from sqlalchemy import text

from backend.config import without_driver
from backend.db.session import create_engine
from backend.services import signal_hydrator
from tests.support.compass import compass
from transforms.run import open_run
from transforms.synth import generate_run

_COPY = """
insert into public_marts.fct_signals ({columns})
select {values} from public_marts.fct_signals as m, generate_series(1, $2::int) as n
where m.run_key = $1
limit $3
"""
_COPIED = {
    "entity_key": "md5(m.entity_key || n)",
    "facility_id": "m.facility_id || '-' || n",
    "facility": "m.facility || ' ' || n",
}


async def publish_many(database_url: str, run_key: str, signals: int) -> None:
    """Publish the built run ``run_key`` with copies of its rows, so that it has so many signals.

    Each copy is of facilities of its own, so that relations between signals are as in the run.
    """
    connection = await asyncpg.connect(without_driver(database_url))
    try:
        rows = await connection.fetchval(
            "select count(*) from public_marts.fct_signals where run_key = $1", run_key
        )
        columns = await connection.fetch(
            "select column_name as name from information_schema.columns"
            " where table_schema = 'public_marts' and table_name = 'fct_signals' order by ordinal_position"
        )
        names = [column["name"] for column in columns]
        statement = _COPY.format(
            columns=", ".join(names), values=", ".join(_COPIED.get(name, f"m.{name}") for name in names)
        )
        missing = max(0, signals - rows)
        await connection.execute(statement, run_key, -(-missing // rows), missing)
        await connection.execute("vacuum analyze public_marts.fct_signals")
    finally:
        await connection.close()
    engine = create_engine(database_url)
    try:
        async with engine.begin() as opened:
            await signal_hydrator.publish(opened, run_key)
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as opened:
            await opened.execute(text("vacuum analyze"))
    finally:
        await engine.dispose()


def build_run(database_url: str, folder: Path, facilities: int) -> str:
    """Make a run and build it, unpublished; returns its key."""
    made = generate_run(folder, facilities=facilities)
    compass("ingest", str(made), "--skip-preflight", "--no-publish", database_url=database_url)
    return open_run(made).run_key
